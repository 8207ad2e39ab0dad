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

/** What decoding and drawing need, and the tolerance of `pace`, in seconds. */
const SLACK = 0.03;
/** From how many fragments it is learnt. */
const LEARNT = 256;
/** The share of fragments that come in time. */
const IN_TIME = 0.95;

/** How far behind the end of the buffer to play, learnt from how late fragments come. */
export class Margin {
  #interval = 0.04;
  #penalty = 0;
  #last: { arrival: number; time: number } | null = null;
  #isSteady = false;
  /** Arrival less place in the video, of the newest fragments: the least is that of one which was not late. */
  #offsets: number[] = [];

  /** Takes note of a fragment: when it arrived, and its place in the video, both in seconds. */
  arrived(arrival: number, time: number): void {
    const last = this.#last;
    this.#last = { arrival, time };
    if (!last) return;
    const interval = time - last.time;
    if (interval <= 0 || interval > 1) {
      // After a gap, or on a timeline that began anew, all is to be learnt again.
      this.#offsets = [];
      return;
    }
    this.#interval += (interval - this.#interval) / 16;
    this.#penalty *= 0.99;
    // At first comes at once what was kept since the last key frame; that says nothing of the way.
    this.#isSteady ||= arrival - last.arrival > interval / 2;
    if (this.#isSteady) this.#offsets.push(arrival - time);
    if (this.#offsets.length > LEARNT) this.#offsets.shift();
  }

  /** The picture stood still for want of fragments. */
  starved(): void {
    this.#penalty = Math.min(this.#penalty + 0.03, 0.5);
  }

  /** Seconds between what is shown and the end of what is buffered, which is the end of the newest picture. */
  get seconds(): number {
    return Math.min(this.#interval + SLACK + this.#lateness + this.#penalty, 1.5);
  }

  get #lateness(): number {
    const sorted = this.#offsets.toSorted((a, b) => a - b);
    const [first = 0, late = first] = [sorted[0], sorted[Math.floor((sorted.length - 1) * IN_TIME)]];
    return late - first;
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
