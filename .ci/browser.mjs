// A headless browser, driven through its debugging pipe: opens pages, and tells what they say and ask for.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Starts it to look at `subject`. Whoever calls `finish` ends it and this program: with 1 at the first thing that is wrong.
export function start({ browser, subject, seconds, pictures }) {
  const profile = mkdtempSync(join(tmpdir(), 'page-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${profile}`];
  const child = spawn(browser, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const finish = (code, words) => {
    console.log(`${subject}: ${words}`);
    child.kill();
    try { rmSync(profile, { recursive: true, force: true }); } catch { /* the browser may still be writing there */ }
    process.exit(code);
  };
  const check = (holds, words) => { if (!holds) finish(1, words); };
  setTimeout(() => finish(1, `not done within ${seconds} s`), seconds * 1000).unref();

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
  async function open(address, { width = 1280, height = 900, dark = false, scripts = true } = {}) {
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
    await call('Emulation.setScriptExecutionDisabled', { value: !scripts });
    await call('Page.navigate', { url: address });
    await loaded;
    const evaluate = async (expression) => (await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })).result.value;
    const becomes = async (expression, words, seconds = 30) => {
      for (const ends = Date.now() + seconds * 1000; Date.now() < ends; await new Promise((resolve) => setTimeout(resolve, 100))) {
        if (await evaluate(expression)) return;
      }
      finish(1, `${words}; it shows: ${(await evaluate('document.body.innerText')).slice(0, 3000)}`);
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
  return { open, check, finish };
}
