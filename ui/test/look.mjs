// Takes a picture of every page at three widths in both schemes, against the mock server or the one at IRIS_SERVER.
// `node test/look.mjs FOLDER [NAME…]`: only the pages with these names.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { choosePicture, startBrowser } from './browser.mjs';
import { startMock } from './mock/server.mjs';

const [folder = 'looks', ...only] = process.argv.slice(2);
const WIDTHS = [
  [390, 844],
  [820, 1180],
  [1440, 900],
];

/** Name, path, how the mock starts, and what is done before the picture is taken. */
const PAGES = [
  ['live', '/'],
  [
    'live-alarm',
    '/',
    {},
    async (page, mock) => {
      await page.waitForTimeout(1200);
      mock.raise();
      await page.waitForTimeout(600);
    },
  ],
  ['live-one', '/live/gate'],
  ['live-empty', '/', { empty: true }],
  ['events', '/events'],
  ['event', '/events/gate-3.0-129'],
  [
    'event-picture',
    '/events/gate-3.0-129',
    {},
    (page) => page.getByRole('button', { name: 'Picture' }).click(),
  ],
  ['events-empty', '/events', { empty: true }],
  ['events-help', '/events', {}, (page) => page.getByRole('button', { name: 'Keys' }).click()],
  ['cameras', '/cameras'],
  ['cameras-empty', '/cameras', { empty: true }],
  ['camera', '/cameras/gate'],
  ['camera-file', '/cameras/corridor'],
  [
    'camera-draw',
    '/cameras/workshop',
    {},
    async (page) => {
      await page.getByRole('button', { name: 'Draw a zone' }).click();
      const board = await page.locator('.board > svg').boundingBox();
      for (const [x, y] of [
        [0.2, 0.3],
        [0.7, 0.35],
        [0.6, 0.8],
      ]) {
        await page.mouse.click(board.x + board.width * x, board.y + board.height * y);
      }
    },
  ],
  [
    'add',
    '/cameras/new',
    {},
    async (page) => {
      await page.getByLabel('Address').fill('rtsp://10.0.0.7/stream1');
      await page.getByRole('button', { name: 'Try it' }).click();
      await page.getByText('It answers').waitFor();
    },
  ],
  ['system', '/system'],
  ['account', '/account'],
  ['users', '/users'],
  ['users-add', '/users', {}, (page) => page.getByRole('button', { name: 'Add a user' }).click()],
  ['tokens', '/tokens'],
  ['sinks', '/sinks'],
  ['models', '/models'],
  ['models-found', '/models', {}, choosePicture],
  ['models-refused', '/models', {}, (page) => choosePicture(page, { picture: Buffer.from('no picture') })],
  ['menu', '/events', {}, (page) => page.getByTitle('Account').click()],
  ['reference', '/reference'],
  ['sign-in', '/', { session: false }],
  ['setup', '/setup#token=let-me-in', { session: false, setup: true }],
  ['not-found', '/cameras/nothing'],
];

mkdirSync(folder, { recursive: true });
const browser = await startBrowser();
for (const [name, path, options = {}, act] of PAGES) {
  if (only.length > 0 && !only.includes(name)) continue;
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of WIDTHS) {
      const { url, mock, close } = await startMock({ session: true, ...options });
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      await page.goto(url + path);
      await page.waitForTimeout(900);
      await act?.(page, mock);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) });
      await page.close();
      await close();
    }
  }
}
await browser.close();
