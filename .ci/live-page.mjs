// Looks at the live page in a browser: node live-page.mjs BROWSER URL [DIR]. Ends with 1 at the first thing that is wrong.
import { createServer, request } from 'node:http';
import { start } from './browser.mjs';

const [browser, url, pictures] = process.argv.slice(2);
const { open, check, finish } = start({ browser, subject: url, seconds: 240, pictures });

// What a program gets that is no browser: it may send any header.
const fetched = (path, { method = 'GET', headers = {}, body = '' } = {}) => new Promise((resolve, reject) => {
  const sent = request(new URL(path, url), { method, headers }, (answer) => {
    let text = '';
    answer.on('data', (data) => { text += data; }).on('end', () => resolve({ status: answer.statusCode, text }));
  });
  sent.on('error', reject).end(body);
});

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
  finish(0, `sound; leaders were replaced, a page from elsewhere was refused, ${types.size} metrics`);
} catch (error) {
  finish(1, error.message);
}
