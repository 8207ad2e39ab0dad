// How long a live picture takes, on the real server and simulated cameras: `node test/measure.mjs [CAMERAS] [SECONDS]`.
// From the last byte of a picture's packet to its fragment in the browser, to the screen, and to its tracks in the browser,
// all by the clock of one machine.

import { startBrowser } from './browser.mjs';
import { startIris } from './programs.mjs';

const [cameras, seconds] = [Number(process.argv[2] ?? 1), Number(process.argv[3] ?? 30)];

const iris = await startIris(cameras);
const browser = await startBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(iris.setup);
  await page.getByLabel('New password', { exact: true }).fill('correct horse battery');
  await page.getByLabel('New password again').fill('correct horse battery');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByText('No cameras to watch yet').waitFor();
  const urls = Array.from({ length: cameras }, (_, index) => iris.camera(index));
  await page.evaluate(add, urls);
  await page
    .locator('.tile video')
    .nth(cameras - 1)
    .waitFor();
  await page.waitForTimeout(10_000);
  const before = await page.evaluate(read);
  await page.waitForTimeout(seconds * 1000);
  const after = await page.evaluate(read);
  after.forEach((now, index) => {
    process.stdout.write(`camera ${index}: ${describe(now, before[index], seconds)}\n`);
  });
} finally {
  await browser.close();
  await iris.stop();
}

/** In the browser: adds cameras. */
async function add(urls) {
  const { csrf } = await (await fetch('/api/v1/session')).json();
  const headers = { 'content-type': 'application/json', 'x-csrf-token': csrf };
  for (const [index, url] of urls.entries()) {
    const body = JSON.stringify({ id: `camera-${index}`, url });
    await fetch('/api/v1/cameras', { method: 'POST', headers, body });
  }
}

/** In the browser: what the players of all tiles have measured. */
function read() {
  return [...document.querySelectorAll('.tile video')].map((video) => {
    const { latency } = video.irisPlayer;
    const { droppedVideoFrames, totalVideoFrames } = video.getVideoPlaybackQuality();
    const behind = video.buffered.end(video.buffered.length - 1) - video.currentTime;
    return {
      fragment: latency.fragment,
      picture: latency.picture,
      tracks: latency.tracks,
      missed: latency.missed,
      droppedVideoFrames,
      totalVideoFrames,
      behind,
    };
  });
}

function describe(now, before, seconds) {
  const spread = ({ count, p50, p95 }) => `p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms (of ${count})`;
  const shown = (now.totalVideoFrames - before.totalVideoFrames) / seconds;
  return [
    `packet to fragment ${spread(now.fragment)}`,
    `to picture ${spread(now.picture)}`,
    `to tracks ${spread(now.tracks)}`,
    `${shown.toFixed(1)} pictures/s, ${now.droppedVideoFrames - before.droppedVideoFrames} dropped, ${now.missed} missed`,
    `${(now.behind * 1000).toFixed(0)} ms buffered ahead at the end`,
  ].join('; ');
}
