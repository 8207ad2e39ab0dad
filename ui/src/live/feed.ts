// Feeds one stream of fragments to a video element through a MediaSource. Knows nothing of time but what is buffered.

/** So many fragments waiting mean that the browser does not keep up, or does not take them. */
const MOST_WAITING = 300;
/** Seconds of what was played that are kept. */
const KEPT = 4;
/** Seconds beyond that after which it is trimmed, so that it is not done for every frame. */
const SLACK = 4;

export class SourceFeed {
  readonly #video: HTMLVideoElement;
  readonly #source = new MediaSource();
  readonly #address: string;
  readonly #failed: () => void;
  readonly #waiting: ArrayBuffer[] = [];
  #buffer: SourceBuffer | null = null;
  #closed = false;

  /** `failed` is called when the stream cannot be played on and another connection may help. */
  constructor(video: HTMLVideoElement, mime: string, failed: () => void) {
    this.#video = video;
    this.#failed = failed;
    this.#address = URL.createObjectURL(this.#source);
    this.#source.addEventListener('sourceopen', () => this.#open(mime), { once: true });
    video.src = this.#address;
  }

  append(data: ArrayBuffer): void {
    if (this.#closed) return;
    this.#waiting.push(data);
    if (this.#waiting.length > MOST_WAITING) this.#fail();
    else this.#next();
  }

  /** Forgets what was played long ago. */
  trim(): void {
    const { buffered, currentTime } = this.#video;
    if (!this.#buffer || this.#buffer.updating || buffered.length === 0) return;
    if (currentTime - buffered.start(0) > KEPT + SLACK) this.#buffer.remove(0, currentTime - KEPT);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    // Only if nobody else has taken the element over.
    if (this.#video.src === this.#address) {
      this.#video.removeAttribute('src');
      this.#video.load();
    }
    URL.revokeObjectURL(this.#address);
  }

  #open(mime: string): void {
    if (this.#closed) return;
    // Without an end, the browser plays at once instead of buffering ahead.
    this.#source.duration = Number.POSITIVE_INFINITY;
    this.#buffer = this.#source.addSourceBuffer(mime);
    this.#buffer.addEventListener('updateend', () => this.#next());
    this.#buffer.addEventListener('error', () => this.#fail());
    this.#next();
  }

  #next(): void {
    if (this.#closed || !this.#buffer || this.#buffer.updating) return;
    const data = this.#waiting.shift();
    if (!data) return;
    try {
      this.#buffer.appendBuffer(data);
    } catch {
      // The quota is full, or the element gave the stream up after an error of its decoder.
      this.#fail();
    }
  }

  #fail(): void {
    if (this.#closed) return;
    this.close();
    this.#failed();
  }
}
