// Draws what the server tells: everything once, then what changes.
'use strict';
const setup = JSON.parse(document.getElementById('setup').textContent);
const state = { systems: [], seconds: {}, happenings: [], tour: null };
const sides = new Map();
const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 300, TALL = 60, LOW_MS = 0.2, HIGH_MS = 10000;

function make(tag, attributes = {}, ...children) {
  const element = tag.includes(':') ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'click') element.addEventListener('click', value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
const write = (element, text) => { if (element.textContent !== String(text)) element.textContent = text; };
const number = (value) => Math.round(value).toLocaleString('en');
const millis = (value) => (value == null ? '–' : value < 10 ? value.toFixed(2) : value < 1000 ? value.toFixed(0) : (value / 1000).toFixed(2));
const unit = (value) => (value != null && value >= 1000 ? ' s' : ' ms');

let hush;
function say(text) {
  const box = document.getElementById('said');
  box.textContent = text;
  box.hidden = false;
  clearTimeout(hush);
  hush = setTimeout(() => { box.hidden = true; }, 6000);
}
async function post(path, body, button) {
  if (button) button.disabled = true;
  try {
    const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!answer.ok) say((await answer.text()).trim());
  } catch { say('the server does not answer: it may have been stopped'); }
  if (button) button.disabled = false;
}

// One side: built once, then written to.
function buildSide(text) {
  const side = { text, figures: {}, nodes: new Map(), controllers: new Map() };
  side.light = make('p', { class: 'light' }, ...lamp());
  side.light.querySelector('b').setAttribute('role', 'status');
  const figure = (name, label) => {
    side.figures[name] = make('dd', {}, '–');
    return make('div', {}, make('dt', {}, label), side.figures[name]);
  };
  const strip = (kind, caption, ticks) => {
    const svg = make('svg:svg', { viewBox: `0 0 ${WIDTH} ${TALL}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${text.name}: ${caption}` });
    side[kind] = svg;
    const right = make('span', {});
    side[kind + 'Most'] = right;
    const box = make('div', { class: ticks.length ? 'plot' : '' }, svg, ...ticks.map(([words, y]) => make('span', { class: 'ax', style: `top:${y}%` }, words)));
    return make('figure', { class: kind === 'rate' ? 'strip thin' : 'strip' }, make('figcaption', {}, make('span', {}, caption), right), box);
  };
  const ticks = [1, 10, 100, 1000].map((ms) => [ms < 1000 ? `${ms} ms` : '1 s', (100 * height(ms)) / TALL]);
  side.list = make('ul', { class: 'nodes' });
  side.ctl = make('div', { class: 'ctl' });
  side.element = make('section', { class: `side ${text.class}`, 'aria-label': text.name },
    make('h2', {}, make('b', {}, text.name), make('small', {}, text.waits)), side.light,
    make('dl', { class: 'now' }, figure('rate', 'acknowledged / s'), figure('p50', 'p50'), figure('p99', 'p99'), figure('waiting', 'on their way')),
    strip('latency', 'latency: p50 (line), p99 (area), logarithmic', ticks), strip('rate', 'acknowledged each second (in red: refused, unknown)', []),
    side.list, side.ctl);
  return side;
}
function lamp() {
  const svg = make('svg:svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' });
  svg.append(make('svg:circle', { cx: 10, cy: 10, r: 9 }), make('svg:path', { fill: 'none', 'stroke-width': 2.4 }));
  return [svg, make('span', {}, make('b', {}), ' ', make('span', {}))];
}
const LAMPS = {
  unlit: ['var(--axis)', '', 'The checker has judged nothing yet.'],
  kept: ['var(--kof)', 'M5.5 10.5L8.8 13.8L14.8 6.8', 'The promise is kept so far.'],
  broken: ['var(--bad)', 'M6 6L14 14M14 6L6 14', 'The promise is broken:'],
};
function drawLight(side, light) {
  const [colour, path, words] = LAMPS[light.colour];
  side.light.className = `light ${light.colour}`;
  side.light.querySelector('circle').setAttribute('fill', colour);
  const mark = side.light.querySelector('path');
  mark.setAttribute('d', path);
  mark.setAttribute('stroke', 'var(--paper)');
  write(side.light.querySelector('b'), words);
  write(side.light.querySelector('span span'), light.words);
}

const STANDS = { up: '', down: 'down', paused: 'paused', starting: 'starting…' };
function act(side, name, deed, words, on = false) {
  const button = make('button', { type: 'button', 'data-deed': deed, 'aria-label': `${words} ${name} of ${side.text.name}` }, words);
  if (on) button.classList.add('on');
  button.addEventListener('click', () => post('/deed', { system: side.text.system, node: name, deed }, button));
  return button;
}
function buildNode(side, name) {
  const node = { cells: {}, key: '' };
  const cell = (key, label) => {
    node.cells[key] = make('dd', {}, '–');
    return make('div', {}, make('dt', {}, label), node.cells[key]);
  };
  node.chips = make('span', { class: 'row' });
  node.acts = make('div', { class: 'acts' });
  node.bars = [make('i'), make('i')];
  node.element = make('li', { class: 'node', 'data-node': name },
    make('div', { class: 'top' }, make('b', {}, name), node.chips),
    make('dl', {}, cell('epoch', 'epoch'), cell('leo', 'LEO'), cell('hw', 'HW'), cell('lag', 'lag')),
    make('div', { class: 'log', 'aria-hidden': 'true' }, ...node.bars), node.acts);
  return node;
}
function drawNode(side, seen, one, end, start) {
  if (!side.nodes.has(one.name)) {
    const node = buildNode(side, one.name);
    side.nodes.set(one.name, node);
    side.list.append(node.element);
  }
  const node = side.nodes.get(one.name), { condition, says } = one;
  const leads = seen.leader != null && `n${seen.leader}` === one.name;
  const counts = seen.members.some((member) => `n${member}` === one.name);
  const away = condition.standing !== 'up' || !one.answers;
  node.element.className = `node${leads ? ' leads' : ''}${away ? ' away' : ''}`;
  const isr = side.text.system !== 'quorum';
  const key = JSON.stringify([leads, counts, condition, one.answers, says && says.role, seen.members.length > 0]);
  if (key !== node.key) {
    node.key = key;
    const chips = [];
    if (condition.standing !== 'up') chips.push(['hurt', STANDS[condition.standing]]);
    else if (!one.answers) chips.push(['hurt', 'no answer']);
    else chips.push([leads ? 'leader' : '', leads ? 'leader' : says && says.role === 'leader' ? 'leader of an older epoch' : says ? says.role : '']);
    if (seen.members.length > 0) chips.push(counts ? ['in', isr ? 'in sync' : 'voter'] : ['out', isr ? 'not in sync' : 'no voter']);
    if (condition.cut) chips.push(['hurt', 'cut off']);
    if (condition.slow_link) chips.push(['hurt', 'slow link']);
    if (condition.slow_disk) chips.push(['hurt', 'slow disk']);
    node.chips.replaceChildren(...chips.filter(([, words]) => words).map(([kind, words]) => make('span', { class: `chip ${kind}` }, words)));
    const down = condition.standing === 'down';
    const held = [...node.acts.children].indexOf(document.activeElement);
    const acts = down ? [] : [
      act(side, one.name, 'kill', 'kill -9'), act(side, one.name, 'power-cut', 'power cut'), act(side, one.name, 'restart', 'restart'),
      condition.standing === 'paused' ? act(side, one.name, 'resume', 'resume', true) : act(side, one.name, 'pause', 'pause')];
    acts.push(condition.cut ? act(side, one.name, 'heal', 'heal', true) : act(side, one.name, 'cut-off', 'cut off'),
      condition.slow_link ? act(side, one.name, 'quick-link', 'quick link', true) : act(side, one.name, 'slow-link', 'slow link'),
      condition.slow_disk ? act(side, one.name, 'quick-disk', 'quick disk', true) : act(side, one.name, 'slow-disk', 'slow disk'));
    // Last, so that who presses twice does not undo what was done.
    if (down) acts.push(act(side, one.name, 'restart', 'restart', true));
    node.acts.replaceChildren(...acts);
    if (held >= 0) acts[Math.min(held, acts.length - 1)].focus();
  }
  if (!says) return;
  write(node.cells.epoch, says.epoch);
  write(node.cells.leo, number(says.log_end));
  write(node.cells.hw, number(says.high_watermark));
  write(node.cells.lag, number(Math.max(0, end - says.log_end)));
  const span = Math.max(1, end - start), share = (offset) => `${Math.max(0, Math.min(100, (100 * (offset - start)) / span)).toFixed(1)}%`;
  node.bars[0].style.width = share(says.log_end);
  node.bars[1].style.width = share(says.high_watermark);
}
function drawController(side, one) {
  let node = side.controllers.get(one.name);
  if (!node) {
    if (side.controllers.size === 0) side.ctl.append('controllers');
    node = { element: make('span', { 'data-node': one.name }), key: '' };
    side.controllers.set(one.name, node);
    side.ctl.append(node.element);
  }
  const key = JSON.stringify(one.condition);
  if (key === node.key) return;
  node.key = key;
  const { standing } = one.condition;
  node.element.className = standing === 'up' ? '' : 'down';
  node.element.replaceChildren(make('b', {}, one.name), STANDS[standing],
    standing === 'down' ? act(side, one.name, 'restart', 'restart', true) : act(side, one.name, 'kill', 'kill -9'));
}
function drawNow() {
  for (const seen of state.systems) {
    const side = sides.get(seen.system);
    drawLight(side, seen.light);
    const ends = seen.replicas.filter((one) => one.says).map((one) => one.says.log_end), end = Math.max(0, ...ends);
    // The newest records fill the bar: with all of the log nobody would see a lag.
    for (const one of seen.replicas) drawNode(side, seen, one, end, Math.max(0, end - 1000));
    for (const one of seen.controllers) drawController(side, one);
  }
}

// The strips begin with a minute, and grow to all that is kept.
const SECONDS_SHOWN_FIRST = 60;
const height = (ms) => TALL * (1 - Math.log(Math.min(HIGH_MS, Math.max(LOW_MS, ms)) / LOW_MS) / Math.log(HIGH_MS / LOW_MS));
function drawStrips() {
  const all = Object.values(state.seconds), last = Math.max(0, ...all.flat().map((one) => one.at_ms));
  const most = Math.max(1, ...all.flat().map((one) => one.acked + one.failed + one.unknown));
  const shown = Math.min(setup.seconds, Math.max(SECONDS_SHOWN_FIRST, ...all.map((points) => points.length)));
  const step = WIDTH / shown, x = (at) => WIDTH - step * Math.round((last - at) / 1000);
  for (const [system, side] of sides) {
    const points = state.seconds[system] || [], latency = [], rate = [];
    let line = '', area = '', pen = 'M', mute = '', bars = '', lost = '';
    const close = () => { pen = 'M'; };
    for (const one of points) {
      const right = x(one.at_ms), left = right - step, bad = one.failed + one.unknown, rest = TALL - (TALL * one.acked) / most;
      if (one.p50_ms == null) { mute += `M${left} 0h${step}v${TALL}h${-step}z`; close(); }
      else {
        line += `${pen}${right} ${height(one.p50_ms).toFixed(1)}`;
        pen = 'L';
        area += `M${left} ${TALL}V${height(one.p99_ms).toFixed(1)}h${step}V${TALL}z`;
      }
      bars += `M${left} ${TALL}V${rest.toFixed(1)}h${step}V${TALL}z`;
      if (bad) lost += `M${left} ${rest.toFixed(1)}v${(-(TALL * bad) / most).toFixed(1)}h${step}V${rest.toFixed(1)}z`;
    }
    for (const ms of [1, 10, 100, 1000]) latency.push(make('svg:path', { class: 'grid', d: `M0 ${height(ms)}H${WIDTH}` }));
    latency.push(make('svg:path', { class: 'mute', d: mute }), make('svg:path', { class: 'p99', d: area }), make('svg:path', { class: 'p50', d: line }));
    rate.push(make('svg:path', { class: 'rate', d: bars }), make('svg:path', { class: 'lost', d: lost }));
    for (const one of state.happenings) {
      const at = x(one.at_ms);
      if (one.system === system && at > 0) latency.push(make('svg:path', { class: 'mark', d: `M${at} 0V${TALL}` }));
    }
    side.latency.replaceChildren(...latency);
    side.rate.replaceChildren(...rate);
    write(side.rateMost, `up to ${number(most)}`);
    const now = points.at(-1);
    if (!now) continue;
    write(side.figures.rate, number(now.acked));
    for (const name of ['p50', 'p99']) side.figures[name].replaceChildren(millis(now[`${name}_ms`]), make('small', {}, unit(now[`${name}_ms`])));
    write(side.figures.waiting, number(now.waiting));
  }
}

const HARD = ['killed', 'lost power', 'died', 'elected', 'truncated', 'left the set'];
function eventLine(one) {
  const text = setup.systems.find((each) => each.system === one.system), at = new Date(one.at_ms);
  return make('li', { 'data-what': one.what }, make('time', { datetime: at.toISOString() }, at.toTimeString().slice(0, 8)),
    make('span', { class: `sys ${text.class}` }, text.name),
    make('span', { class: HARD.includes(one.what) ? 'hard' : '' }, `${one.whom} ${one.what} `, make('small', {}, one.more)));
}
function drawEvents() {
  document.getElementById('events').replaceChildren(...state.happenings.map(eventLine).reverse());
}
function addEvent(one) {
  state.happenings.push(one);
  const list = document.getElementById('events');
  list.prepend(eventLine(one));
  while (state.happenings.length > setup.happenings) { state.happenings.shift(); list.lastChild.remove(); }
}

let tourKey = null;
function drawTour() {
  const key = JSON.stringify(state.tour);
  if (key === tourKey) return;
  tourKey = key;
  const box = document.getElementById('tour'), on = state.tour && setup.tours.find((tour) => tour.name === state.tour.name);
  if (!on) {
    const entry = (tour) => make('li', {}, make('h3', {}, tour.title), make('span', { class: 'claim' }, `${tour.claim} · ${tour.ground}`), make('p', {}, tour.about),
      make('button', { type: 'button', 'data-tour': tour.name, click: ({ target }) => post('/tour', { do: 'begin', tour: tour.name }, target) }, 'begin'));
    box.replaceChildren(make('ul', { class: 'tours' }, ...setup.tours.map(entry)));
    return;
  }
  const steps = on.steps.map((text, at) => {
    const { state: stands, observed } = state.tour.steps[at];
    const step = make('li', { class: stands }, make('h3', {}, text.title), make('p', {}, text.text));
    if (stands === 'doing') step.append(make('p', { class: 'busy' }, 'at work…'));
    if (observed) step.append(make('p', { class: 'saw', role: 'status' }, observed));
    return step;
  });
  const next = state.tour.steps.some((step) => step.state === 'next');
  const buttons = [make('button', { type: 'button', id: 'end-tour', click: ({ target }) => post('/tour', { do: 'end' }, target) }, state.tour.ended ? 'close' : 'end, and make all well')];
  if (next) buttons.unshift(make('button', { type: 'button', class: 'go', id: 'next-step', click: ({ target }) => post('/tour', { do: 'next' }, target) }, 'next step'));
  const held = box.contains(document.activeElement);
  box.replaceChildren(make('h3', {}, on.title), make('span', { class: 'claim' }, `${on.claim} · ${on.ground}`), make('p', {}, on.about), make('ol', { class: 'steps' }, ...steps), make('div', { class: 'row' }, ...buttons));
  if (held) buttons[0].focus();
}

for (const text of setup.systems) {
  const side = buildSide(text);
  sides.set(text.system, side);
  document.getElementById('sides').append(side.element);
}
const link = document.getElementById('link');
const source = new EventSource('/events');
source.addEventListener('open', () => { link.className = 'sub'; link.textContent = `live: ${setup.load}`; });
source.addEventListener('error', () => {
  link.className = 'sub off';
  // What was refused is not tried again by itself.
  const over = source.readyState === EventSource.CLOSED;
  link.textContent = over ? 'the server takes no more watchers, or has ended: close another page, and reload this one' : 'the server does not answer; trying again';
});
source.addEventListener('everything', ({ data }) => { Object.assign(state, JSON.parse(data)); drawNow(); drawStrips(); drawEvents(); drawTour(); document.body.dataset.told = 'everything'; });
source.addEventListener('now', ({ data }) => { Object.assign(state, JSON.parse(data)); drawNow(); drawTour(); });
source.addEventListener('second', ({ data }) => {
  for (const [system, second] of Object.entries(JSON.parse(data))) {
    const points = (state.seconds[system] ||= []);
    points.push(second);
    if (points.length > setup.seconds) points.shift();
  }
  document.body.dataset.seconds = Number(document.body.dataset.seconds || 0) + 1;
  drawStrips();
});
source.addEventListener('happened', ({ data }) => addEvent(JSON.parse(data)));
