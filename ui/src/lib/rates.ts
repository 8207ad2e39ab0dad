// Rates out of counters that are read now and then.

import { useState } from 'react';

interface Reading<Name extends string> {
  at: number;
  counters: Record<Name, number>;
  rates: Record<Name, number> | null;
}

/** How much each counter grows a second, from its last two different readings; null until there are two. */
export function useRates<Name extends string>(counters: Record<Name, number>): Record<Name, number> | null {
  const [reading, setReading] = useState<Reading<Name>>(() => ({ at: Date.now(), counters, rates: null }));
  const names = Object.keys(counters) as Name[];
  if (names.some((name) => counters[name] !== reading.counters[name])) {
    const at = Date.now();
    setReading({ at, counters, rates: growth(reading.counters, counters, (at - reading.at) / 1000) });
  }
  return reading.rates;
}

/** A counter that fell began anew, and one that was not there began at nothing. */
function growth<Name extends string>(
  before: Record<Name, number>,
  now: Record<Name, number>,
  seconds: number,
) {
  const rate = (name: Name) => Math.max(0, now[name] - (before[name] ?? 0)) / Math.max(seconds, 1e-3);
  return Object.fromEntries((Object.keys(now) as Name[]).map((name) => [name, rate(name)])) as Record<
    Name,
    number
  >;
}
