// The whole way in a browser, on the real server and real RTSP: set up, add a camera, draw a zone, see it live, receive an
// alarm, play its clip, dismiss it, drop a picture on a model, sign out and in again.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { noBrowser, startBrowser } from './browser.mjs';
import { binary, startIris, until } from './programs.mjs';

const PASSWORD = 'correct horse battery';

const missing = ['iris', 'iris-sim'].map(binary).find((file) => !existsSync(file));
const skip = noBrowser ?? (missing ? `there is no ${missing}` : false);
if (skip) process.stdout.write(`not run: the whole way in a browser: ${skip}\n`);

describe('the whole way', { skip }, () => {
  let iris;
  let browser;
  let page;
  const complaints = [];

  before(async () => {
    [iris, browser] = await Promise.all([startIris(), startBrowser()]);
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  });

  after(async () => {
    await browser?.close();
    await iris?.stop();
  });

  test('the one-time token makes the first account', async () => {
    await page.goto(iris.setup);
    await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('New password again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByText('No cameras to watch yet').waitFor();
  });

  test('a camera is tried and added', async () => {
    await page.getByRole('link', { name: 'Add a camera' }).click();
    await page.getByLabel('Address').fill('rtsp://127.0.0.1:1/nothing');
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Address').fill(iris.camera(0));
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByText('H.264, 320 × 180').waitFor();
    await page.getByAltText('What the camera sees now').waitFor();
    await page.getByLabel('Name').fill('Test yard');
    await page.getByRole('button', { name: 'Add the camera' }).click();
    await page.getByRole('heading', { name: 'Test yard' }).waitFor();
    await page.getByText('Live', { exact: true }).nth(1).waitFor();
  });

  test('a zone is drawn with the mouse and kept', async () => {
    await page.getByRole('button', { name: 'Draw a zone' }).click();
    const board = await page.locator('.board > svg').boundingBox();
    const corners = [
      [0.3, 0.15],
      [0.98, 0.15],
      [0.98, 0.95],
      [0.3, 0.95],
      [0.3, 0.15],
    ];
    for (const [x, y] of corners)
      await page.mouse.click(board.x + board.width * x, board.y + board.height * y);
    const rules = page.getByRole('region', { name: 'Zones and lines' });
    await rules.getByLabel('Name').fill('bay');
    await rules.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Zones and lines are saved').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Point 1 of 4 of bay' }).waitFor();
  });

  test('it is seen live: time goes on, the picture is not black, boxes are on it', async () => {
    await page.getByRole('link', { name: 'Live', exact: true }).click();
    const video = page.locator('.tile video');
    const begun = await until(() => video.evaluate(({ currentTime, paused }) => !paused && currentTime));
    await until(() => video.evaluate(({ currentTime }, begun) => currentTime > begun + 1, begun));
    const { brightest, darkest } = await video.evaluate(range);
    assert.ok(brightest > 200 && darkest < 100, `the picture goes from ${darkest} to ${brightest}`);
    await until(() => video.evaluate(({ irisPlayer }) => irisPlayer.tracks.newest !== null));
    await until(() => page.locator('.tile canvas').evaluate(hasColour));
    const lag = await video.evaluate(
      ({ buffered, currentTime }) => buffered.end(buffered.length - 1) - currentTime,
    );
    assert.ok(lag < 1, `it plays ${lag} s behind what has come`);
  });

  test('an alarm comes by itself and flashes', async () => {
    await page.getByText('White blob in bay').first().waitFor();
    await page.locator('.tile.alarmed').waitFor();
  });

  test('its clip plays, and one key dismisses it', async () => {
    await page.getByText('White blob in bay').first().click();
    await page.getByRole('heading', { name: 'White blob in bay' }).waitFor();
    const address = page.url();
    // The clip is there once what follows the event is recorded.
    const clip = page.getByLabel('Clip of the event');
    await clip.waitFor();
    await until(() =>
      clip.evaluate(({ currentTime, videoWidth }) => currentTime > 0.2 && videoWidth === 320),
    );
    const { brightest } = await clip.evaluate(range);
    assert.ok(brightest > 200, `the brightest of the clip is ${brightest}`);
    await page.getByRole('button', { name: 'Picture' }).click();
    await until(() => page.locator('.evidence img').evaluate(({ naturalWidth }) => naturalWidth > 0));
    await page.keyboard.press('d');
    await page.getByRole('status').getByText('Dismissed').waitFor();
    await page.goto(address);
    await page
      .getByRole('region', { name: 'Event' })
      .getByText('Dismissed', { exact: true })
      .first()
      .waitFor();
  });

  test('the API is tried in the page: one call that shows, one picture, one call that changes', async () => {
    await page.getByRole('button', { name: 'admin' }).click();
    await page.getByRole('link', { name: 'API', exact: true }).click();
    const answer = async (operation, fill = async () => {}) => {
      const call = page.locator(`#operations-cameras-${operation}`);
      await call.locator('.opblock-summary-control').click();
      await fill(call);
      await call.getByRole('button', { name: 'Execute' }).click();
      const answer = call.locator('.live-responses-table');
      await answer.getByText('200', { exact: true }).waitFor();
      return answer;
    };
    const camera = (call) => call.getByPlaceholder('camera').fill('test-yard');
    await (await answer('list_cameras')).getByText('"Test yard"').waitFor();
    const picture = (await answer('snapshot', camera)).locator('img');
    await until(() => picture.evaluate(({ naturalWidth }) => naturalWidth === 320));
    const renamed = await answer('change_camera', async (call) => {
      await camera(call);
      await call.locator('textarea').fill('{"name": "Tried yard"}');
    });
    await renamed.getByText('"Tried yard"').waitFor();
    await page.getByRole('link', { name: 'Cameras', exact: true }).click();
    await page.getByText('Tried yard').first().waitFor();
  });

  test('a picture that is dropped on a model is shown upright with its boxes', async () => {
    await page.getByRole('button', { name: 'admin' }).click();
    await page.getByRole('link', { name: 'Models' }).click();
    const model = page.getByRole('region', { name: 'blobs', exact: true });
    const drop = async (quarter) =>
      model.dispatchEvent('drop', { dataTransfer: await page.evaluateHandle(snapshot, quarter) });
    await drop(false);
    await model.getByText('in 320 × 180 pixels').waitFor();
    await model.getByText('White blob').first().waitFor();
    const canvas = model.locator('canvas');
    await until(() => canvas.evaluate(hasColour));
    assert.ok(await canvas.evaluate(({ clientWidth, clientHeight }) => clientWidth > clientHeight));
    await drop(true);
    await model.getByText('in 180 × 320 pixels').waitFor();
    assert.ok(await canvas.evaluate(({ style }) => style.aspectRatio === '180 / 320'));
    await model.getByLabel('Least score').fill('1');
    await model.getByText('Nothing found').waitFor();
    const text = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['<html>'], 'page.html'));
      return transfer;
    });
    await model.dispatchEvent('drop', { dataTransfer: text });
    await model.getByRole('alert').getByText('cannot be decoded').waitFor();
  });

  test('signed out is out, and the password leads in again', async () => {
    await page.getByRole('button', { name: 'admin' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(async () => (await fetch('/api/v1/cameras')).status), 401);
    await page.getByLabel('Name').fill('admin');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('link', { name: 'Live', exact: true }).waitFor();
  });

  test('the browser had nothing to complain of but refusals that were asked for', () => {
    const refusals = /status of (401|415|422)/;
    assert.deepEqual(
      complaints.filter((text) => !refusals.test(text)),
      [],
    );
  });
});

/** In the browser: how bright and dark a video's picture is. */
function range(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const greens = context
    .getImageData(0, 0, canvas.width, canvas.height)
    .data.filter((_, index) => index % 4 === 1);
  return {
    brightest: greens.reduce((a, b) => Math.max(a, b)),
    darkest: greens.reduce((a, b) => Math.min(a, b)),
  };
}

/** In the browser: the camera's picture, as if it were dragged; `quarter`: one that says of itself that it lies on its side. */
async function snapshot(quarter) {
  const picture = await (await fetch('/api/v1/cameras/test-yard/snapshot')).blob();
  // An EXIF block with nothing but the orientation, 6: a quarter turn clockwise shows it upright.
  const exif = new Uint8Array([
    0xff, 0xe1, 0, 34, 69, 120, 105, 102, 0, 0, 77, 77, 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0,
    6, 0, 0, 0, 0, 0, 0,
  ]);
  const parts = quarter ? [picture.slice(0, 2), exif, picture.slice(2)] : [picture];
  const transfer = new DataTransfer();
  transfer.items.add(new File(parts, 'yard.jpg', { type: 'image/jpeg' }));
  return transfer;
}

/** In the browser: whether the box's blue is on the canvas. */
function hasColour(canvas) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4)
    if (data[at] === 126 && data[at + 1] === 224 && data[at + 2] === 245) return true;
  return false;
}
