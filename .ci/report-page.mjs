// Looks at a report in a browser: node report-page.mjs BROWSER PAGE. Ends with 1 at the first thing that is wrong.
import { pathToFileURL } from 'node:url';
import { start } from './browser.mjs';

const [browser, page] = process.argv.slice(2);
const address = pathToFileURL(page).href;
const { open, check, finish } = start({ browser, subject: page, seconds: 60 });

try {
  const desk = await open(address);
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

  const phone = await open(address, { width: 360 });
  const widths = await phone.evaluate('[document.documentElement.scrollWidth, window.innerWidth]');
  check(widths[0] <= widths[1] && widths[1] === 360, `it is ${widths[0]} wide on a phone of 360 (${widths[1]})`);

  const paper = 'getComputedStyle(document.body).backgroundColor';
  const dark = await open(address, { dark: true });
  const [light, night] = [await desk.evaluate(paper), await dark.evaluate(paper)];
  check(light !== night, `it is not dark where that is wished: ${night}`);

  const plain = await open(address, { scripts: false });
  // Nothing can be evaluated where scripts are off: the tree is read instead.
  const { root } = await plain.call('DOM.getDocument');
  const count = async (selector) => (await plain.call('DOM.querySelectorAll', { nodeId: root.nodeId, selector })).nodeIds.length;
  check(await count('dl.answer dd') >= 1 && await count('#chosen table') === 1, 'it does not read without scripts');
  check(await count('#calculator form[hidden]') === 1, 'without scripts there is a form that does nothing');

  for (const { said, asked } of [desk, phone, dark, plain]) {
    check(said.length === 0, `the console says ${said.join('; ')}`);
    const outside = asked.filter((url) => url !== address && !url.startsWith('data:'));
    check(outside.length === 0, `it asks for ${outside.join(' ')}`);
  }
  finish(0, `sound, with and without scripts, by day and night, on a desk and a phone`);
} catch (error) {
  finish(1, error.message);
}
