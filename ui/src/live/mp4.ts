// The one thing the player reads from a fragment itself: when its picture belongs (ISO/IEC 14496-12, `tfdt`).

/** Ticks a second on the timeline of every fragment that the server sends. */
const TIMESCALE = 90_000;

/** The decode time of a fragment (`moof`) in seconds; null if it has none. */
export function decodeTime(fragment: ArrayBuffer): number | null {
  const view = new DataView(fragment);
  const moof = find(view, 0, view.byteLength, 'moof');
  const traf = moof && find(view, moof.start, moof.end, 'traf');
  const tfdt = traf && find(view, traf.start, traf.end, 'tfdt');
  if (!tfdt || tfdt.end - tfdt.start < 8) return null;
  const isLong = view.getUint8(tfdt.start) === 1;
  if (isLong && tfdt.end - tfdt.start < 12) return null;
  const ticks = isLong ? Number(view.getBigUint64(tfdt.start + 4)) : view.getUint32(tfdt.start + 4);
  return ticks / TIMESCALE;
}

interface Span {
  start: number;
  end: number;
}

/** What the first box of this type between `start` and `end` holds. */
function find(view: DataView, start: number, end: number, type: string): Span | null {
  for (let at = start; at + 8 <= end; ) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > end) return null;
    if (nameAt(view, at + 4) === type) return { start: at + 8, end: at + size };
    at += size;
  }
  return null;
}

function nameAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(at + index)));
}
