// Debian's Chromium, as tests start it.

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

export const CHROMIUM = process.env.IRIS_CHROMIUM ?? '/usr/bin/chromium';

export const startBrowser = () => chromium.launch({ executablePath: CHROMIUM, args: ARGS });
