// How long a fragment takes from its arrival to the screen, and how far boxes are from the picture that they belong to.
// Tests and the curious read it from the tile's element.

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
  readonly #arrivals = new Map<number, number>();
  readonly #picture: number[] = [];
  readonly #overlay: number[] = [];
  #newestTracks: number | null = null;

  /** A fragment came, its place in the video in seconds, the moment in milliseconds. */
  fragmentArrived(time: number, now: number): void {
    this.#arrivals.set(key(time), now);
    if (this.#arrivals.size > KEPT) {
      for (const oldest of this.#arrivals.keys()) {
        this.#arrivals.delete(oldest);
        break;
      }
    }
  }

  /** Tracks of this moment of the video came. */
  tracksArrived(time: number, now: number): void {
    this.#newestTracks = time;
    const arrival = this.#arrivals.get(key(time));
    if (arrival !== undefined) keep(this.#overlay, now - arrival);
  }

  /** The picture of this moment of the video is on the screen at `at` milliseconds. */
  shown(time: number, at: number): void {
    const arrival = this.#arrivals.get(key(time));
    if (arrival !== undefined) keep(this.#picture, at - arrival);
  }

  get newestTracks(): number | null {
    return this.#newestTracks;
  }

  /** Milliseconds from a fragment's arrival to its picture. */
  get picture(): Spread {
    return spread(this.#picture);
  }

  /** Milliseconds from a fragment's arrival to that of its tracks; below `picture`, boxes are there in time. */
  get tracks(): Spread {
    return spread(this.#overlay);
  }
}

/** To the millisecond: the browser rounds the time of a picture to microseconds. */
function key(time: number): number {
  return Math.round(time * 1000);
}

function keep(values: number[], value: number): void {
  values.push(value);
  if (values.length > KEPT) values.shift();
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95) };
}
