// How fast to play so that the picture stays just behind the newest fragment: arithmetic only.

/** What the player tells of its buffer, in seconds on the video's timeline. */
export interface Playhead {
  position: number;
  /** The ends of the buffered ranges in order. */
  ranges: { start: number; end: number }[];
}

export type Step = { seek: number } | { rate: number };

/** Behind this far, the player jumps instead of hurrying. */
const TOO_FAR = 2;
const FASTEST = 1.15;
const SLOWEST = 0.95;

/** How far behind the newest fragment to play, learnt from how unevenly fragments come. */
export class Margin {
  #interval = 0.04;
  #jitter = 0.01;
  #last: { arrival: number; time: number } | null = null;
  #penalty = 0;

  /** Takes note of a fragment: when it arrived, and its place in the video, both in seconds. */
  arrived(arrival: number, time: number): void {
    const last = this.#last;
    this.#last = { arrival, time };
    if (!last || time <= last.time || time - last.time > 1) return;
    const interval = time - last.time;
    const late = Math.abs(arrival - last.arrival - interval);
    this.#interval += (interval - this.#interval) / 16;
    // As RTP estimates it (RFC 3550, 6.4.1), quicker to rise than to fall.
    this.#jitter += (late - this.#jitter) / (late > this.#jitter ? 8 : 64);
    this.#penalty *= 0.99;
  }

  /** The picture stood still for want of fragments. */
  starved(): void {
    this.#penalty = Math.min(this.#penalty + 0.03, 0.5);
  }

  /** Seconds between what is shown and the end of what is buffered. */
  get seconds(): number {
    return Math.min(0.02 + 1.5 * this.#interval + 3 * this.#jitter + this.#penalty, 1.5);
  }
}

/** What to do now to stay `margin` seconds behind the end of the buffer. */
export function pace({ position, ranges }: Playhead, margin: number): Step | null {
  const last = ranges.at(-1);
  if (!last) return null;
  const behind = last.end - position;
  // What lies before a gap is old, and playing would stop at its edge.
  if (position < last.start || behind > TOO_FAR || behind < -0.5) {
    return { seek: Math.max(last.start, last.end - margin) };
  }
  const excess = behind - margin;
  if (Math.abs(excess) < 0.02) return { rate: 1 };
  return { rate: Math.min(Math.max(1 + excess * 0.5, SLOWEST), FASTEST) };
}
