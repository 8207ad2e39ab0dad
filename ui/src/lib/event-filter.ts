// The filter of events as it stands in the address of the page.

import { query } from '../api/client';
import type { EventFilter } from '../api/events';
import type { EventKind, Review } from '../api/types';

/** How far back a list reaches, as people choose it. In the address it is the name, so that it moves with the time. */
export const PERIODS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
export type Period = keyof typeof PERIODS;

const KINDS: EventKind[] = ['intrusion', 'line_crossing', 'track'];
const REVIEWS: Review[] = ['new', 'confirmed', 'dismissed'];

const oneOf = <T extends string>(value: string | null, allowed: readonly T[]) =>
  allowed.find((candidate) => candidate === value);

/** The chosen period, if any. */
export const readPeriod = (search: string): Period | undefined =>
  oneOf(new URLSearchParams(search).get('period'), Object.keys(PERIODS) as Period[]);

/** To the minute, so that the same address is the same question for a while. */
const back = (period: Period, now: number) =>
  new Date(Math.floor((now - PERIODS[period]) / 60_000) * 60_000).toISOString();

/** The filter that the address tells; what it does not know, it leaves out. */
export function readFilter(search: string, now = Date.now()): EventFilter {
  const values = new URLSearchParams(search);
  const period = readPeriod(search);
  const filter: EventFilter = {};
  const camera = values.get('camera');
  const kind = oneOf(values.get('kind'), KINDS);
  const review = oneOf(values.get('review'), REVIEWS);
  const name = values.get('class');
  if (camera) filter.camera = camera;
  if (kind) filter.kind = kind;
  if (review) filter.review = review;
  if (name) filter.class = name;
  if (period) filter.since = back(period, now);
  return filter;
}

export const isFiltered = (filter: EventFilter) => Object.keys(filter).length > 0;

/** The address with one more choice; an empty one takes it away. */
export function withChoice(search: string, name: string, value: string): string {
  return query({ ...Object.fromEntries(new URLSearchParams(search)), [name]: value });
}
