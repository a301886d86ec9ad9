// Drives a browser through its debugging pipe: node report-page.mjs BROWSER PAGE. Ends with 1 at the first thing that is wrong.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [browser, page] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'report-page-'));
const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${profile}`];
const child = spawn(browser, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const finish = (code, words) => {
  console.log(words);
  child.kill();
  try { rmSync(profile, { recursive: true, force: true }); } catch { /* the browser may still be writing there */ }
  process.exit(code);
};
setTimeout(() => finish(1, `${page}: the browser did not answer within 60 s`), 60_000).unref();

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

// Opens the page as somebody would who has this, and returns a function that evaluates, and what was said and asked for.
async function open({ width = 1200, dark = false, scripts = true }) {
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
  await call('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: width < 500 });
  await call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
  await call('Emulation.setScriptExecutionDisabled', { value: !scripts });
  await call('Page.navigate', { url: pathToFileURL(page).href });
  await loaded;
  const evaluate = async (expression) => (await call('Runtime.evaluate', { expression, returnByValue: true })).result.value;
  return { call, evaluate, said, asked };
}

const check = (holds, words) => { if (!holds) finish(1, `${page}: ${words}`); };
try {
  const desk = await open({});
  check(await desk.evaluate('document.querySelectorAll("h1").length') === 1, 'it has no title');
  check(await desk.evaluate('document.querySelectorAll("dl.answer dd").length') >= 1, 'it does not open with an answer');
  check(await desk.evaluate('document.getElementById("calculator").dataset.agrees') === 'yes', 'the calculator does not come to what Rust computed');
  const [before, after] = await desk.evaluate(`(() => {
    const shown = () => document.getElementById('chosen').textContent, form = document.querySelector('#calculator form');
    const before = shown();
    form.elements.lost.value = '2';
    form.dispatchEvent(new Event('change'));
    return [before, shown()];
  })()`);
  check(before !== after && after.includes('4, min-ISR 3'), `the calculator does not answer: ${after}`);
  if (await desk.evaluate('document.querySelectorAll(".panels svg").length') > 0) {
    const box = await desk.evaluate(`(() => {
      const mark = document.querySelector('.panels svg .m, .panels svg .b, .panels svg .d');
      mark.scrollIntoView({ block: 'center' });
      const { left, top, width, height } = mark.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    })()`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await desk.call('Input.dispatchMouseEvent', { type: 'mouseMoved', ...box });
    check(await desk.evaluate('!document.getElementById("tip").hidden && document.getElementById("tip").textContent.length > 3'), 'nothing is told under the pointer');
    await desk.evaluate('document.querySelector(".panels svg").dispatchEvent(new MouseEvent("click", { bubbles: true }))');
    check(await desk.evaluate('document.querySelector("dialog[open] svg") !== null'), 'a picture is not enlarged');
  }
  if (await desk.evaluate('document.querySelectorAll(".mx td").length') > 0) {
    await desk.evaluate('[...document.querySelectorAll(".mx tbody td")].find((cell) => cell.textContent).click()');
    check(!(await desk.evaluate('document.querySelector(".repeat").textContent')).includes('FAULT'), 'a cell does not tell how to repeat it');
  }

  const phone = await open({ width: 360 });
  const widths = await phone.evaluate('[document.documentElement.scrollWidth, window.innerWidth]');
  check(widths[0] <= widths[1] && widths[1] === 360, `it is ${widths[0]} wide on a phone of 360 (${widths[1]})`);

  const paper = 'getComputedStyle(document.body).backgroundColor';
  const dark = await open({ dark: true });
  const [light, night] = [await desk.evaluate(paper), await dark.evaluate(paper)];
  check(light !== night, `it is not dark where that is wished: ${night}`);

  const plain = await open({ scripts: false });
  // Nothing can be evaluated where scripts are off: the tree is read instead.
  const { root } = await plain.call('DOM.getDocument');
  const count = async (selector) => (await plain.call('DOM.querySelectorAll', { nodeId: root.nodeId, selector })).nodeIds.length;
  check(await count('dl.answer dd') >= 1 && await count('#chosen table') === 1, 'it does not read without scripts');
  check(await count('#calculator form[hidden]') === 1, 'without scripts there is a form that does nothing');

  for (const { said, asked } of [desk, phone, dark, plain]) {
    check(said.length === 0, `the console says ${said.join('; ')}`);
    const outside = asked.filter((url) => url !== pathToFileURL(page).href && !url.startsWith('data:'));
    check(outside.length === 0, `it asks for ${outside.join(' ')}`);
  }
  finish(0, `${page}: sound, with and without scripts, by day and night, on a desk and a phone`);
} catch (error) {
  finish(1, `${page}: ${error.message}`);
}
