import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../test/samples';
import { readFilter, withChoice } from './event-filter';
import { describeEvent, formatBytes, formatDay, formatDuration, lengthOf } from './format';
import { passwordFault } from './password';
import { applyScheme } from './scheme';
import { slug } from './slug';

test.each([
  [0, '0 s'],
  [59.6, '1 min'],
  [125, '2 min 5 s'],
  [3_600, '1 h'],
  [3_605, '1 h'],
  [200_000, '2 d 7 h'],
  [-3, '0 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_500, '1.5 kB'],
  [21_400_000_000, '21 GB'],
  [999_600_000, '1.0 GB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('days are named from today', () => {
  const now = new Date(2026, 0, 5, 9);
  expect(formatDay(new Date(2026, 0, 5, 0, 1).toISOString(), now)).toBe('Today');
  expect(formatDay(new Date(2026, 0, 4, 23, 59).toISOString(), now)).toBe('Yesterday');
  expect(formatDay(new Date(2026, 0, 3, 12).toISOString(), now)).toBe('Saturday 3 January');
});

test('events are told in words', () => {
  const crossing = { kind: 'line_crossing', rule: 'barrier', direction: 'left_to_right' } as const;
  expect(describeEvent(sampleEvent(1))).toBe('Person in yard');
  expect(describeEvent(sampleEvent(1, crossing))).toBe('Person over barrier, left to right');
  expect(describeEvent(sampleEvent(1, { kind: 'track', rule: null }))).toBe('Person seen');
  expect(lengthOf(sampleEvent(1, { media_end: null, state: 'started' }))).toBe('goes on');
});

test.each([
  ['Main gate', 'main-gate'],
  ['  Große Einfahrt, Süd!', 'grosse-einfahrt-sud'],
  ['已', ''],
  ['x'.repeat(40), 'x'.repeat(32)],
])('the id of %j is %j', (name, id) => {
  expect(slug(name)).toBe(id);
});

describe('the filter in the address', () => {
  test('is read as far as it is understood', () => {
    const now = Date.parse('2026-01-05T10:00:42Z');
    expect(readFilter('camera=gate&kind=intrusion&review=new&class=car&period=hour', now)).toEqual({
      camera: 'gate',
      kind: 'intrusion',
      review: 'new',
      class: 'car',
      since: '2026-01-05T09:00:00.000Z',
    });
    expect(readFilter('kind=nonsense&review=&period=year&other=1', now)).toEqual({});
  });

  test('changes by one choice', () => {
    expect(withChoice('camera=gate', 'kind', 'track')).toBe('?camera=gate&kind=track');
    expect(withChoice('camera=gate&kind=track', 'camera', '')).toBe('?kind=track');
  });
});

test('a new password is long enough and entered twice', () => {
  expect(passwordFault('', '')).toBeUndefined();
  expect(passwordFault('short', '')).toMatch(/12/);
  expect(passwordFault('long enough, this', 'something else')).toMatch(/same/);
  expect(passwordFault('long enough, this', 'long enough, this')).toBeUndefined();
});

test('the scheme is shown to the page and to Swagger UI', () => {
  const { classList, dataset } = document.documentElement;
  for (const scheme of ['dark', 'light'] as const) {
    applyScheme(scheme);
    expect([dataset['scheme'], classList.contains('dark-mode')]).toEqual([scheme, scheme === 'dark']);
  }
  applyScheme('system');
  expect(dataset['scheme']).toBeUndefined();
});
