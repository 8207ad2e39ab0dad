// Every page against WCAG 2.2 AA, as far as axe-core can tell, in both schemes, at the width of a desk and of a phone;
// and that nothing is wider than the screen, and that the browser has nothing to complain about.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { choosePicture, noBrowser, startBrowser } from './browser.mjs';
import { startMock } from './mock/server.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Path, how the mock starts, what is shown, and what is done then until something else is shown. */
const PAGES = [
  ['/', {}, '.tile'],
  ['/', { empty: true }, '.nothing'],
  ['/live/gate', {}, '.tile'],
  ['/events', {}, '.thumb'],
  ['/events/gate-3.0-129', {}, '.evidence'],
  ['/cameras', {}, '.camera'],
  ['/cameras/new', {}, 'form'],
  ['/cameras/gate', {}, '.shape'],
  ['/cameras/corridor', {}, '.shape'],
  ['/system', {}, '.table'],
  ['/account', {}, 'form'],
  ['/users', {}, '.entry'],
  ['/tokens', {}, '.entry'],
  ['/sinks', {}, '.entry'],
  ['/models', {}, '.model'],
  ['/models', {}, '.model', choosePicture],
  ['/reference', {}, '.opblock'],
  ['/', { session: false }, 'form'],
  ['/setup#token=let-me-in', { session: false, setup: true }, 'form'],
];

const SCREENS = [
  { colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
];

const skip = noBrowser ?? false;
if (skip) process.stdout.write(`not run: accessibility of the page: ${skip}\n`);

describe('every page can be used by everyone', { skip }, () => {
  let browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  for (const [path, options, shown, act] of PAGES) {
    test(`${path} ${JSON.stringify(options)}${act ? `, ${act.name}` : ''}`, async () => {
      const { url, mock, close } = await startMock({ session: true, ...options });
      for (const screen of SCREENS)
        await check(await browser.newPage({ ...screen, bypassCSP: true }), url + path, shown, (page) =>
          act?.(page, mock),
        );
      await close();
    });
  }
});

async function check(page, address, shown, act) {
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(address);
  await page.locator(shown).first().waitFor();
  await act(page);
  await page.evaluate(AXE);
  const violations = await page.evaluate(async (rules) => {
    const { violations } = await axe.run(document, { runOnly: rules });
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join('\n')}`,
    );
  }, RULES);
  assert.deepEqual(violations, []);
  const isWider = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(isWider, false, 'the page scrolls sideways');
  // Signing in begins with being told that one has not; that is no fault.
  assert.deepEqual(
    complaints.filter((text) => !text.includes('401')),
    [],
  );
  await page.close();
}
