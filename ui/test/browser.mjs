// Chromium, as tests start it: Debian's, unless IRIS_CHROMIUM names another.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

const CHROMIUM = process.env.IRIS_CHROMIUM ?? '/usr/bin/chromium';

// Why no browser can be started, or nothing.
export const noBrowser = existsSync(CHROMIUM)
  ? undefined
  : `there is no ${CHROMIUM}; IRIS_CHROMIUM may name a Chromium or Chrome`;

export const startBrowser = () => chromium.launch({ executablePath: CHROMIUM, args: ARGS });

/** Chooses the mock's picture for the first model, and waits for what becomes of it. */
export async function choosePicture(page, { picture }) {
  const model = page.locator('.model').first();
  const file = { name: 'street.jpg', mimeType: 'image/jpeg', buffer: picture };
  await model.getByLabel('Choose a picture').setInputFiles(file);
  await model.getByRole('status').or(model.getByRole('alert')).waitFor();
}
