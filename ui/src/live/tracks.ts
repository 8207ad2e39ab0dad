// Where tracked objects are at a moment of the picture. Detections come less often than pictures and a little later, so
// boxes are carried between and shortly beyond them.

import type { Box } from '../api/types';

export interface Track {
  id: string;
  class: string;
  score: number;
  box: Box;
}

/** All tracks of one analysed picture; `t` in seconds on the video's timeline. */
export interface TrackSet {
  t: number;
  tracks: Track[];
}

/** How long a box outlives the last picture in which it was looked for, in seconds. */
const STALE = 1;
/** How far a box is carried on along its last motion, in seconds: further it would be a guess. */
const CARRY = 0.4;
/** How much is kept, in seconds: the player is never that late. */
const KEPT = 15;

export class TrackTimeline {
  #sets: TrackSet[] = [];

  get newest(): number | null {
    return this.#sets.at(-1)?.t ?? null;
  }

  add(set: TrackSet): void {
    const last = this.#sets.at(-1);
    // After a reconnect of the camera its timeline may begin anew.
    if (last && set.t <= last.t) this.#sets = this.#sets.filter(({ t }) => t < set.t);
    this.#sets.push(set);
    const oldest = set.t - KEPT;
    while (this.#sets[0] && this.#sets[0].t < oldest) this.#sets.shift();
  }

  clear(): void {
    this.#sets = [];
  }

  /** The tracks as they were at `t`, moved to where they are then. */
  at(t: number): Track[] {
    const index = this.#sets.findLastIndex((set) => set.t <= t + 1e-3);
    const now = this.#sets[index];
    if (!now || t - now.t > STALE) return [];
    const next = this.#sets[index + 1];
    const before = this.#sets[index - 1];
    return now.tracks.map((track) => ({ ...track, box: place(track, now.t, t, before, next) }));
  }
}

function place(track: Track, at: number, t: number, before?: TrackSet, next?: TrackSet): Box {
  const later = next?.tracks.find(({ id }) => id === track.id);
  if (next && later) return move(track.box, later.box, (t - at) / (next.t - at));
  const earlier = before?.tracks.find(({ id }) => id === track.id);
  if (!before || !earlier) return track.box;
  return move(
    track.box,
    track.box.map((edge, i) => 2 * edge - (earlier.box[i] ?? edge)) as Box,
    Math.min(t - at, CARRY) / (at - before.t),
  );
}

/** `share` of the way from one box to another. */
function move(from: Box, to: Box, share: number): Box {
  return from.map((edge, index) => edge + ((to[index] ?? edge) - edge) * share) as Box;
}
