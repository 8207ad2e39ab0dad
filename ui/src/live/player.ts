// Plays one camera as it comes: fragments from the server's WebSocket into Media Source Extensions, close to the live edge.
// Draws nothing; what the server says beside the picture is handed on.

import { socketUrl } from '../api/client';
import { connect, type Socket } from '../api/socket';
import type { CameraState } from '../api/types';
import { SourceFeed } from './feed';
import { LatencyMeter } from './latency';
import { receivedTime, shownTime } from './mp4';
import { Margin, pace } from './pace';
import { type Track, TrackTimeline } from './tracks';

export type LiveMessage =
  | { type: 'init'; mime: string; width: number; height: number }
  | { type: 'tracks'; t: number; tracks: Track[] }
  | { type: 'missed'; frames: number }
  | { type: 'state'; state: CameraState; error: string | null }
  | { type: 'unsupported'; codec: string };

export interface PlayerListener {
  /** The camera's state, as the server tells it. */
  state(state: CameraState, error: string | null): void;
  /** There is no picture, and why; null when there may be one again. */
  trouble(why: string | null): void;
  /** A picture of this moment of the video is shown. */
  shown(mediaTime: number): void;
}

/** How often the pace is corrected, in milliseconds. */
const CORRECT = 200;

export class LivePlayer {
  readonly tracks = new TrackTimeline();
  readonly latency = new LatencyMeter();
  readonly #video: HTMLVideoElement;
  readonly #listener: PlayerListener;
  readonly #socket: Socket;
  readonly #timer: ReturnType<typeof setInterval>;
  #feed: SourceFeed | null = null;
  #margin = new Margin();
  /** The codec of the initialisation segment that comes next. */
  #mime: string | null = null;
  #closed = false;

  constructor(video: HTMLVideoElement, camera: string, listener: PlayerListener) {
    this.#video = video;
    this.#listener = listener;
    this.#socket = connect(() => socketUrl(`/cameras/${encodeURIComponent(camera)}/live`), {
      message: (data) => (typeof data === 'string' ? this.#told(JSON.parse(data)) : this.#fragment(data)),
      connected: (is) => listener.trouble(is ? null : 'No connection to the server'),
    });
    this.#timer = setInterval(() => this.#correct(), CORRECT);
    video.addEventListener('waiting', this.#starved);
    this.#watch();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#video.removeEventListener('waiting', this.#starved);
    this.#socket.close();
    this.#feed?.close();
  }

  #told(message: LiveMessage): void {
    switch (message.type) {
      case 'init':
        this.#mime = message.mime;
        break;
      case 'tracks':
        this.tracks.add({ t: message.t, tracks: message.tracks });
        this.latency.tracksArrived(message.t, wallClock(performance.now()));
        break;
      case 'state':
        this.#listener.state(message.state, message.error);
        break;
      case 'unsupported':
        this.#listener.trouble(`This browser cannot play ${message.codec}`);
        break;
      case 'missed':
        this.latency.missed += message.frames;
    }
  }

  #fragment(data: ArrayBuffer): void {
    if (this.#mime !== null) {
      this.#begin(this.#mime, data);
      this.#mime = null;
      return;
    }
    const time = shownTime(data);
    if (time !== null) {
      const now = performance.now();
      const received = receivedTime(data);
      if (received !== null) this.latency.fragmentArrived(time, received, wallClock(now));
      this.#margin.arrived(now / 1000, time);
    }
    this.#feed?.append(data);
  }

  /** A new stream: after connecting, or because the camera changed its own. */
  #begin(mime: string, init: ArrayBuffer): void {
    this.#feed?.close();
    this.#feed = null;
    if (!MediaSource.isTypeSupported(mime)) {
      this.#listener.trouble(`This browser cannot play ${codecOf(mime)}`);
      return;
    }
    this.#listener.trouble(null);
    this.tracks.clear();
    this.#margin = new Margin();
    this.#feed = new SourceFeed(this.#video, mime, () => this.#socket.restart());
    this.#feed.append(init);
  }

  #correct(): void {
    const video = this.#video;
    if (!this.#feed || document.hidden) return;
    this.#feed.trim();
    const ranges = Array.from({ length: video.buffered.length }, (_, index) => ({
      start: video.buffered.start(index),
      end: video.buffered.end(index),
    }));
    const step = pace({ position: video.currentTime, ranges }, this.#margin.seconds);
    if (!step) return;
    if ('seek' in step) video.currentTime = step.seek;
    else video.playbackRate = step.rate;
    // Refused only if the browser forbids playing without a click; then the next try is as good.
    if (video.paused) video.play().catch(() => undefined);
  }

  #starved = () => this.#margin.starved();

  #watch(): void {
    this.#video.requestVideoFrameCallback((_, frame) => {
      if (this.#closed) return;
      this.latency.shown(frame.mediaTime, wallClock(frame.expectedDisplayTime));
      this.#listener.shown(frame.mediaTime);
      this.#watch();
    });
  }
}

/** A moment of the browser's clock, in milliseconds since 1970. */
function wallClock(now: number): number {
  return performance.timeOrigin + now;
}

/** `video/mp4; codecs="hvc1.1.6.L93.B0"` as people call it. */
function codecOf(mime: string): string {
  if (/hvc1|hev1/.test(mime)) return 'H.265';
  if (/avc1|avc3/.test(mime)) return 'H.264';
  return mime;
}
