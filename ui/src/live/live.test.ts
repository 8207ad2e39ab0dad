import { describe, expect, test } from 'vitest';
import type { Box } from '../api/types';
import { LatencyMeter } from './latency';
import { receivedTime, shownTime } from './mp4';
import { contain, drawPicture, markOf } from './overlay';
import { Margin, pace } from './pace';
import { TrackTimeline } from './tracks';

const text = new TextEncoder();

function box(type: string, ...parts: Uint8Array[]): Uint8Array {
  const size = 8 + parts.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, size);
  bytes.set(text.encode(type), 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function tfdt(version: 0 | 1, ticks: number): Uint8Array {
  const bytes = new Uint8Array(version === 1 ? 12 : 8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  if (version === 1) view.setBigUint64(4, BigInt(ticks));
  else view.setUint32(4, ticks);
  return box('tfdt', bytes);
}

const bufferOf = (bytes: Uint8Array) => bytes.slice().buffer as ArrayBuffer;

test('when the server received a picture is read from the fragment', () => {
  const body = new DataView(new ArrayBuffer(20));
  body.setUint32(8, 2_208_988_800 + 1_690_496_512);
  body.setUint32(12, 2 ** 31);
  const prft = box('prft', new Uint8Array(body.buffer));
  expect(receivedTime(bufferOf(prft))).toBe(1_690_496_512_500);
  expect(receivedTime(bufferOf(box('prft', new Uint8Array(12))))).toBeNull();
  expect(receivedTime(bufferOf(box('moof')))).toBeNull();
});

describe('shownTime', () => {
  test.each([0, 1] as const)('reads version %i, past other boxes', (version) => {
    const traf = box('traf', box('tfhd', new Uint8Array(8)), tfdt(version, 450_000));
    const moof = box('moof', box('mfhd', new Uint8Array(8)), traf);
    const fragment = new Uint8Array([
      ...box('prft', new Uint8Array(16)),
      ...moof,
      ...box('mdat', new Uint8Array(5)),
    ]);
    expect(shownTime(bufferOf(fragment))).toBe(5);
  });

  test.each([
    [0, [], 5],
    [0x800, [9_000], 5.1],
    [0x801, [16, -9_000], 4.9],
    [0xf05, [16, 0, 3_000, 100, 0, 45_000], 5.5],
  ])('adds the composition offset of a run with flags %i', (flags, rest, expected) => {
    const words = new DataView(new ArrayBuffer(8 + 4 * rest.length));
    words.setUint32(0, flags);
    words.setUint32(4, 1);
    rest.forEach((word, index) => {
      words.setInt32(8 + 4 * index, word);
    });
    const run = box('trun', new Uint8Array(words.buffer));
    expect(shownTime(bufferOf(box('moof', box('traf', tfdt(1, 450_000), run))))).toBe(expected);
  });

  test('finds nothing where nothing is', () => {
    for (const bytes of [
      [],
      [0, 0, 0, 8],
      [...box('moof')],
      [...box('moof', box('traf', box('tfdt')))],
      [0, 0, 0, 0, 1, 2, 3, 4],
    ]) {
      expect(shownTime(bufferOf(new Uint8Array(bytes)))).toBeNull();
    }
  });
});

describe('TrackTimeline', () => {
  const track = (x: number, id = 'gate/1.0/1') => ({
    id,
    class: 'person',
    score: 0.9,
    box: [x, 0, x + 0.1, 0.5] as Box,
  });
  const lefts = (timeline: TrackTimeline, t: number) =>
    timeline.at(t).map(({ box }) => Number(box[0].toFixed(6)));

  test('moves boxes between two pictures and a little beyond the last', () => {
    const timeline = new TrackTimeline();
    timeline.add({ t: 1, tracks: [track(0.2)] });
    timeline.add({ t: 1.2, tracks: [track(0.3)] });
    expect(lefts(timeline, 1)).toEqual([0.2]);
    expect(lefts(timeline, 1.1)).toEqual([0.25]);
    expect(lefts(timeline, 1.2)).toEqual([0.3]);
    expect(lefts(timeline, 1.3)).toEqual([0.35]);
    expect(lefts(timeline, 2)).toEqual([0.5]);
  });

  test('shows nothing before the first and long after the last', () => {
    const timeline = new TrackTimeline();
    timeline.add({ t: 1, tracks: [track(0.2)] });
    expect(timeline.at(0.9)).toEqual([]);
    expect(lefts(timeline, 1.9)).toEqual([0.2]);
    expect(timeline.at(2.1)).toEqual([]);
  });

  test('a track that ended is gone with the picture that lacks it', () => {
    const timeline = new TrackTimeline();
    timeline.add({ t: 1, tracks: [track(0.2), track(0.6, 'gate/1.0/2')] });
    timeline.add({ t: 1.2, tracks: [track(0.2)] });
    expect(timeline.at(1.1)).toHaveLength(2);
    expect(timeline.at(1.2)).toHaveLength(1);
  });

  test('a timeline that begins anew replaces what it contradicts', () => {
    const timeline = new TrackTimeline();
    timeline.add({ t: 100, tracks: [track(0.2)] });
    timeline.add({ t: 3, tracks: [track(0.4)] });
    expect(timeline.newest).toBe(3);
    expect(timeline.at(100)).toEqual([]);
    expect(lefts(timeline, 3)).toEqual([0.4]);
  });
});

describe('pace', () => {
  const at = (position: number, ...ranges: [number, number][]) => ({
    position,
    ranges: ranges.map(([start, end]) => ({ start, end })),
  });

  test.each([
    ['nothing buffered', at(0), null],
    ['before what is buffered', at(0, [100, 101]), { seek: 100.9 }],
    ['too far behind', at(100, [90, 105]), { seek: 104.9 }],
    ['before a gap', at(100, [90, 100.05], [100.5, 100.6]), { seek: 100.5 }],
    ['ahead of a stream that began anew', at(100, [1, 2]), { seek: 1.9 }],
    ['where it should be', at(99.9, [90, 100]), { rate: 1 }],
    ['a little behind', at(99.7, [90, 100]), { rate: 1.1 }],
    ['far behind', at(99, [90, 100]), { rate: 1.15 }],
    ['too near', at(99.95, [90, 100]), { rate: 0.975 }],
  ])('%s', (_, playhead, expected) => {
    const step = pace(playhead, 0.1);
    if (!expected || !step) expect(step).toBe(expected);
    else
      for (const [name, value] of Object.entries(expected))
        expect(step[name as keyof typeof step]).toBeCloseTo(value);
  });
});

describe('Margin', () => {
  const fed = (lateness: (index: number) => number, begin = 0) => {
    const margin = new Margin();
    for (let index = 0; index < 400; index += 1) {
      margin.arrived(Math.max(begin, index * 0.1) + lateness(index), index * 0.1);
    }
    return margin;
  };

  test('is little more than a picture when all come in time', () => {
    expect(fed(() => 0).seconds).toBeCloseTo(0.13);
  });

  test('covers how late most come, and not the rarest', () => {
    expect(fed((index) => (index % 5 === 0 ? 0.08 : 0)).seconds).toBeCloseTo(0.21);
    expect(fed((index) => (index % 50 === 0 ? 0.5 : 0)).seconds).toBeCloseTo(0.13);
  });

  test('learns nothing from what was kept and comes at once', () => {
    expect(fed(() => 0, 1.5).seconds).toBeCloseTo(0.13);
  });

  test('learns anew after a gap', () => {
    const margin = fed((index) => (index % 2) * 0.3);
    expect(margin.seconds).toBeGreaterThan(0.4);
    margin.arrived(100, 100);
    expect(margin.seconds).toBeCloseTo(0.13);
  });

  test('grows when the picture stood still, within bounds', () => {
    const margin = fed(() => 0);
    const before = margin.seconds;
    margin.starved();
    expect(margin.seconds).toBeCloseTo(before + 0.03);
    for (let count = 0; count < 100; count += 1) margin.starved();
    expect(margin.seconds).toBeLessThanOrEqual(1.5);
  });
});

test('latency is measured from when the server received a picture', () => {
  const meter = new LatencyMeter();
  for (let index = 0; index < 100; index += 1) {
    meter.fragmentArrived(index / 25, 1000 + index, 1003 + index);
    meter.tracksArrived(index / 25, 1020 + index);
    // The browser gives times rounded to microseconds.
    meter.shown(Math.round((index / 25) * 1e6) / 1e6, 1000 + index + index);
  }
  meter.shown(1000, 5000);
  expect(meter.fragment).toEqual({ count: 100, p50: 3, p95: 3 });
  expect(meter.picture).toEqual({ count: 100, p50: 49, p95: 94 });
  expect(meter.tracks).toEqual({ count: 100, p50: 20, p95: 20 });
});

test('a track is told by its class and its count', () => {
  const track = { id: 'gate/3.0/17', class: 'person', score: 0.9, box: [0, 0, 0.1, 0.5] as Box };
  expect(markOf(track)).toEqual({ label: 'person 17', box: [0, 0, 0.1, 0.5] });
});

test('a still picture lies beneath its marks, where they are drawn', () => {
  const calls: unknown[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]) =>
      calls.push([name, context.globalCompositeOperation, ...values]);
  const none = () => undefined;
  const context = {
    globalCompositeOperation: 'source-over',
    clearRect: note('clear'),
    roundRect: note('box'),
    drawImage: note('picture'),
    fillText: note('text'),
    measureText: () => ({ width: 40 }),
    ...{ setTransform: none, beginPath: none, stroke: none, fill: none },
  };
  const canvas = { clientWidth: 320, clientHeight: 320, width: 0, height: 0, getContext: () => context };
  const picture = { width: 640, height: 360 } as ImageBitmap;
  const mark = { label: 'person 91 %', box: [0.5, 0.5, 1, 1] as Box };
  drawPicture(canvas as unknown as HTMLCanvasElement, picture, [mark]);
  expect(calls).toEqual([
    ['clear', 'source-over', 0, 0, 320, 320],
    ['box', 'source-over', 160, 160, 160, 90, 3],
    ['box', 'source-over', 159, 143, 50, 16, 3],
    ['text', 'source-over', 'person 91 %', 164, 151.5],
    ['picture', 'destination-over', picture, 0, 70, 320, 180],
  ]);
  expect(context.globalCompositeOperation).toBe('source-over');
});

test('a picture is fitted into its frame', () => {
  expect(contain(640, 360, { width: 320, height: 320 })).toEqual({ x: 0, y: 70, width: 320, height: 180 });
  expect(contain(360, 640, { width: 320, height: 320 })).toEqual({ x: 70, y: 0, width: 180, height: 320 });
});
