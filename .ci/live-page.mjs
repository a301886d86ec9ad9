// Drives a browser through its debugging pipe: node live-page.mjs BROWSER URL [DIR]. Ends with 1 at the first thing that is wrong.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [browser, url, pictures] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'live-page-'));
const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${profile}`];
const child = spawn(browser, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const finish = (code, words) => {
  console.log(words);
  child.kill();
  try { rmSync(profile, { recursive: true, force: true }); } catch { /* the browser may still be writing there */ }
  process.exit(code);
};
setTimeout(() => finish(1, `${url}: not done within 240 s`), 240_000).unref();

let next = 0, buffered = '';
const waiting = new Map(), listeners = new Set();
child.stdio[4].on('data', (data) => {
  buffered += data;
  for (let end; (end = buffered.indexOf('\0')) >= 0; buffered = buffered.slice(end + 1)) {
    const message = JSON.parse(buffered.slice(0, end));
    if (message.id) waiting.get(message.id)(message);
    else listeners.forEach((listener) => listener(message));
  }
});
const ask = (session) => (method, params = {}) => new Promise((resolve, reject) => {
  const id = ++next;
  waiting.set(id, (answer) => (answer.error ? reject(new Error(`${method}: ${answer.error.message}`)) : resolve(answer.result)));
  child.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + '\0');
});

// Opens a page as somebody would who has this, and returns a function that evaluates, and what was said and asked for.
async function open(address, { width = 1280, height = 900, dark = false } = {}) {
  const { targetId } = await ask()('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await ask()('Target.attachToTarget', { targetId, flatten: true });
  const call = ask(sessionId), said = [], asked = [];
  const loaded = new Promise((resolve) => listeners.add(({ method, params, sessionId: from }) => {
    if (from !== sessionId) return;
    if (method === 'Page.loadEventFired') resolve();
    if (method === 'Runtime.exceptionThrown') said.push(params.exceptionDetails.text + ' ' + (params.exceptionDetails.exception?.description ?? ''));
    if (method === 'Runtime.consoleAPICalled') said.push(params.args.map((one) => one.value).join(' '));
    if (method === 'Log.entryAdded') said.push(params.entry.text);
    if (method === 'Network.requestWillBeSent') asked.push(params.request.url);
  }));
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await call(`${domain}.enable`);
  await call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 });
  await call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
  await call('Page.navigate', { url: address });
  await loaded;
  const evaluate = async (expression) => (await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })).result.value;
  const becomes = async (expression, words, seconds = 30) => {
    for (const ends = Date.now() + seconds * 1000; Date.now() < ends; await new Promise((resolve) => setTimeout(resolve, 100))) {
      if (await evaluate(expression)) return;
    }
    finish(1, `${url}: ${words}; it shows: ${(await evaluate('document.body.innerText')).slice(0, 3000)}`);
  };
  const picture = async (name) => {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    const { cssContentSize } = await call('Page.getLayoutMetrics');
    const clip = { x: 0, y: 0, width, height: Math.ceil(cssContentSize.height), scale: 1 };
    const { data } = await call('Page.captureScreenshot', { format: 'png', clip, captureBeyondViewport: true });
    writeFileSync(join(pictures, `${name}.png`), Buffer.from(data, 'base64'));
  };
  return { call, evaluate, becomes, picture, said, asked };
}
// What a program gets that is no browser: it may send any header.
const fetched = (path, { method = 'GET', headers = {}, body = '' } = {}) => new Promise((resolve, reject) => {
  const sent = request(new URL(path, url), { method, headers }, (answer) => {
    let text = '';
    answer.on('data', (data) => { text += data; }).on('end', () => resolve({ status: answer.statusCode, text }));
  });
  sent.on('error', reject).end(body);
});

const check = (holds, words) => { if (!holds) finish(1, `${url}: ${words}`); };
const side = (system) => `[...document.querySelectorAll('.side')].find((one) => one.classList.contains('${system}'))`;
const leader = (system) => `${side(system)}?.querySelector('.node.leads')?.dataset.node`;
const press = (system, node, deed) => `${side(system)}.querySelector('.node[data-node="${node}"] button[data-deed="${deed}"]').click()`;
try {
  const desk = await open(url);
  await desk.becomes(`${leader('isr')} && ${leader('quorum')}`, 'it shows no leaders');
  await desk.becomes('document.querySelectorAll(".light.kept").length === 2', 'the lights are not lit');
  await desk.becomes('Number(document.body.dataset.seconds) >= 3', 'nothing moves');
  check(await desk.evaluate('[...document.querySelectorAll(".now dd")].some((one) => /[0-9]/.test(one.textContent))'), 'it shows no figures');

  const killed = {};
  for (const system of ['isr', 'quorum']) {
    killed[system] = await desk.evaluate(leader(system));
    await desk.evaluate(press(system, killed[system], 'kill'));
  }
  for (const system of ['isr', 'quorum']) {
    await desk.becomes(`${leader(system)} && ${leader(system)} !== '${killed[system]}'`, `${system} has nobody in ${killed[system]}'s place`);
    await desk.becomes(`${side(system)}.querySelector('.node[data-node="${killed[system]}"] .chip.hurt')?.textContent === 'down'`, `${killed[system]} is not shown as down`);
  }
  await desk.becomes('[...document.querySelectorAll("#events li")].filter((one) => one.dataset.what === "elected").length >= 3', 'no election is told of');
  await desk.becomes(`[...document.querySelectorAll('.now')].every((now) => Number(now.querySelector('dd').textContent.replace(/,/g, '')) > 0)`, 'appends do not go on');
  await desk.picture('killed');
  for (const system of ['isr', 'quorum']) await desk.evaluate(press(system, killed[system], 'restart'));
  const whole = (system) => `${side(system)}.querySelectorAll('.chip.in').length === ${side(system)}.querySelectorAll('.node').length`;
  for (const system of ['isr', 'quorum']) await desk.becomes(whole(system), `${system} is not whole again`);

  const { status, text } = await fetched('/deed', { method: 'POST', headers: { origin: 'http://evil.example', 'content-type': 'application/json' }, body: '{}' });
  check(status === 403 && text.includes('may change nothing'), `a request from elsewhere got ${status} ${text}`);
  const rebound = await fetched('/', { headers: { host: 'rebound.example' } });
  check(rebound.status === 403, `a name that is not its own got ${rebound.status}`);
  const foreign = createServer((_, answer) => answer.end('<!doctype html><title>elsewhere</title>')).listen(0, '127.0.0.1');
  await new Promise((resolve) => foreign.once('listening', resolve));
  const elsewhere = await open(`http://127.0.0.1:${foreign.address().port}/`);
  const before = await desk.evaluate(leader('isr'));
  const deed = JSON.stringify({ system: 'isr', node: before, deed: 'kill' });
  await elsewhere.evaluate(`fetch('${url}deed', { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: ${JSON.stringify(deed)} }).then(() => 1, () => 0)`);
  foreign.close();
  await new Promise((resolve) => setTimeout(resolve, 500));
  check(await desk.evaluate(`!${side('isr')}.querySelector('.node[data-node="${before}"] .chip.hurt')`), 'a page from elsewhere has killed a leader');

  const metrics = (await fetched('/metrics')).text, types = new Set();
  for (const line of metrics.trim().split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type) types.add(type[1]);
    else if (!line.startsWith('# HELP ')) {
      const sample = /^([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (\S+)$/.exec(line);
      check(sample && !Number.isNaN(Number(sample[4])), `no sample: ${line}`);
      check(types.has(sample[1]) || types.has(sample[1].replace(/_(bucket|sum|count)$/, '')), `no type: ${line}`);
    }
  }
  check(types.size >= 8, `only ${types.size} metrics`);

  for (const tour of pictures ? ['retry-duplicate', 'isr-of-one', 'minority-leader', 'hw-truncation', 'hung-follower'] : ['hung-follower']) {
    await desk.becomes(`document.querySelector('button[data-tour="${tour}"]')`, 'the tours are not offered');
    await desk.evaluate(`document.querySelector('button[data-tour="${tour}"]').click()`);
    for (;;) {
      await desk.becomes('document.querySelector("#next-step, .steps .stuck") || document.querySelector("#end-tour")?.textContent === "close"', `${tour} does not go on`, 90);
      check(await desk.evaluate('!document.querySelector(".steps .stuck")'), `${tour}: ${await desk.evaluate('document.querySelector(".steps .stuck .saw")?.textContent')}`);
      if (!await desk.evaluate('!!document.getElementById("next-step")')) break;
      const done = await desk.evaluate('document.querySelectorAll(".steps .done").length');
      await desk.evaluate('document.getElementById("next-step").click()');
      await desk.becomes(`document.querySelectorAll(".steps .done").length > ${done} || document.querySelector(".steps .stuck")`, 'a step does not end', 60);
    }
    console.log(`${tour}: ${(await desk.evaluate('[...document.querySelectorAll(".steps .saw")].map((one) => one.textContent).join(" | ")'))}`);
    await desk.picture(`tour-${tour}`);
    await desk.evaluate('document.getElementById("end-tour").click()');
  }
  await desk.becomes('document.querySelector("button[data-tour]")', 'the tours are not offered again');
  check(await desk.evaluate('document.querySelectorAll(".light.kept").length') === 2, 'a light has gone out');

  const phone = await open(url, { width: 360, height: 800 });
  const dark = await open(url, { dark: true });
  for (const one of [phone, dark]) await one.becomes(`${leader('isr')} && document.body.dataset.seconds`, 'a second visitor sees nothing');
  const widths = await phone.evaluate('[document.documentElement.scrollWidth, window.innerWidth]');
  check(widths[0] <= widths[1] && widths[1] === 360, `it is ${widths[0]} wide on a phone of 360 (${widths[1]})`);
  const paper = 'getComputedStyle(document.body).backgroundColor';
  check(await desk.evaluate(paper) !== await dark.evaluate(paper), 'it is not dark where that is wished');
  await desk.picture('light');
  await dark.picture('dark');
  await phone.picture('phone');

  for (const { said, asked } of [desk, phone, dark]) {
    check(said.length === 0, `the console says ${said.join('; ')}`);
    const outside = asked.filter((each) => !each.startsWith(url) && !each.startsWith('data:'));
    check(outside.length === 0, `it asks for ${outside.join(' ')}`);
  }
  finish(0, `${url}: sound; leaders were replaced, a page from elsewhere was refused, ${types.size} metrics`);
} catch (error) {
  finish(1, `${url}: ${error.message}`);
}
