// How long to wait before the next try: doubled each time, less a random part, so that many clients do not come at once.

export interface Backoff {
  /** Milliseconds to wait now; grows with each call. */
  next(): number;
  /** After a success. */
  reset(): void;
}

export function backoff(first = 500, longest = 10_000, random: () => number = Math.random): Backoff {
  let delay = first;
  return {
    next() {
      const wait = delay * (1 - random() / 2);
      delay = Math.min(delay * 2, longest);
      return wait;
    },
    reset() {
      delay = first;
    },
  };
}
