import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../test/samples';
import { type EventFilter, type EventList, matches, withEvent } from './events';

const event = sampleEvent(5);

describe('matches', () => {
  test.each<[EventFilter, boolean]>([
    [{}, true],
    [{ camera: 'gate', kind: 'intrusion', class: 'person', review: 'new' }, true],
    [{ camera: 'roof' }, false],
    [{ kind: 'track' }, false],
    [{ class: 'car' }, false],
    [{ review: 'confirmed' }, false],
    [{ since: '2026-01-05T10:00:05Z' }, true],
    [{ since: '2026-01-05T10:00:06Z' }, false],
    [{ until: '2026-01-05T10:00:05Z' }, false],
    [{ until: '2026-01-05T10:00:06Z' }, true],
  ])('%j: %s', (filter, expected) => {
    expect(matches(filter, event)).toBe(expected);
  });

  test('what has no clock is within no time', () => {
    const recording = sampleEvent(1, { start: null, end: null });
    expect(matches({ since: '2000-01-01T00:00:00Z' }, recording)).toBe(false);
    expect(matches({}, recording)).toBe(true);
  });
});

const listOf = (pages: number[][], next: string | null = null): EventList => ({
  pages: pages.map((seqs, index) => ({
    items: seqs.map((seq) => sampleEvent(seq)),
    next: index === pages.length - 1 ? next : 'more',
  })),
  pageParams: pages.map(() => null),
});

const idsOf = (list: EventList) =>
  list.pages.map(({ items }) => items.map(({ id }) => Number(id.split('-')[2])));

describe('withEvent', () => {
  test('a new one comes first', () => {
    expect(idsOf(withEvent(listOf([[9, 8], [7]]), {}, sampleEvent(10)))).toEqual([[10, 9, 8], [7]]);
    expect(idsOf(withEvent(listOf([[]]), {}, sampleEvent(1)))).toEqual([[1]]);
  });

  test('one that was not there comes where its time puts it, whenever it changed', () => {
    const reviewed = sampleEvent(6, { seq: 99 });
    expect(
      idsOf(
        withEvent(
          listOf([
            [9, 8],
            [7, 5],
          ]),
          {},
          reviewed,
        ),
      ),
    ).toEqual([
      [9, 8],
      [7, 6, 5],
    ]);
  });

  test('a known one changes in its place, also when it no longer fits', () => {
    const changed = sampleEvent(7, { review: 'dismissed' });
    const list = withEvent(listOf([[9, 8], [7]]), { review: 'new' }, changed);
    expect(idsOf(list)).toEqual([[9, 8], [7]]);
    expect(list.pages[1]?.items[0]?.review).toBe('dismissed');
  });

  test('one that does not fit stays away', () => {
    expect(idsOf(withEvent(listOf([[9]]), { camera: 'roof' }, sampleEvent(10)))).toEqual([[9]]);
  });

  test('one that belongs to a page not loaded yet stays away', () => {
    expect(idsOf(withEvent(listOf([[9, 8]], 'next'), {}, sampleEvent(3)))).toEqual([[9, 8]]);
    expect(idsOf(withEvent(listOf([[9, 8]], null), {}, sampleEvent(3)))).toEqual([[9, 8, 3]]);
  });
});
