// How long pictures and their boxes take from the server's receiving a picture, by the clocks of server and browser: on one
// machine they are the same. Tests and the curious read it from the tile's element.

/** How many of the newest measurements are kept. */
const KEPT = 600;

export interface Spread {
  count: number;
  p50: number;
  p95: number;
}

export class LatencyMeter {
  /** Pictures that the server left out because this browser was too slow. */
  missed = 0;
  /** Of each picture, by its place in the video: when the server had received it. */
  readonly #received = new Map<number, number>();
  readonly #spreads = { fragment: [] as number[], picture: [] as number[], tracks: [] as number[] };
  #newestTracks: number | null = null;

  /** A fragment came: its place in the video in seconds, and when the server received it and now in milliseconds. */
  fragmentArrived(time: number, received: number, now: number): void {
    this.#received.set(key(time), received);
    for (const oldest of this.#received.keys()) {
      if (this.#received.size <= KEPT) break;
      this.#received.delete(oldest);
    }
    this.#note('fragment', time, now);
  }

  /** Tracks of this moment of the video came. */
  tracksArrived(time: number, now: number): void {
    this.#newestTracks = time;
    this.#note('tracks', time, now);
  }

  /** The picture of this moment of the video is on the screen at `at` milliseconds. */
  shown(time: number, at: number): void {
    this.#note('picture', time, at);
  }

  get newestTracks(): number | null {
    return this.#newestTracks;
  }

  /** Milliseconds from a picture's receipt by the server to its fragment here. */
  get fragment(): Spread {
    return spread(this.#spreads.fragment);
  }

  /** Milliseconds from a picture's receipt to the screen. */
  get picture(): Spread {
    return spread(this.#spreads.picture);
  }

  /** Milliseconds from a picture's receipt to its tracks here; below `picture`, boxes are there in time. */
  get tracks(): Spread {
    return spread(this.#spreads.tracks);
  }

  #note(what: 'fragment' | 'picture' | 'tracks', time: number, now: number): void {
    const received = this.#received.get(key(time));
    if (received === undefined) return;
    const values = this.#spreads[what];
    values.push(now - received);
    if (values.length > KEPT) values.shift();
  }
}

/** To the millisecond: the browser rounds the time of a picture to microseconds. */
function key(time: number): number {
  return Math.round(time * 1000);
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95) };
}
