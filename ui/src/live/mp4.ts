// What the player reads from a fragment itself (ISO/IEC 14496-12): when its picture is shown (`tfdt` and `trun`), and when
// it reached the server (`prft`).

/** Ticks a second on the timeline of every fragment that the server sends. */
const TIMESCALE = 90_000;

/** When the first picture of a fragment (`moof`) is shown, in seconds; null if it does not say. */
export function shownTime(fragment: ArrayBuffer): number | null {
  const view = new DataView(fragment);
  const moof = find(view, 0, view.byteLength, 'moof');
  const traf = moof && find(view, moof.start, moof.end, 'traf');
  if (!traf) return null;
  const tfdt = find(view, traf.start, traf.end, 'tfdt');
  const trun = find(view, traf.start, traf.end, 'trun');
  try {
    return tfdt && (decodeTicks(view, tfdt.start) + (trun ? offsetTicks(view, trun.start) : 0)) / TIMESCALE;
  } catch {
    // A box that is shorter than what it should hold.
    return null;
  }
}

/** Seconds from 1900, where NTP's timestamps begin, to 1970. */
const NTP_EPOCH = 2_208_988_800;

/** When the server had received a fragment's picture, in milliseconds since 1970 by its clock; null if it does not say. */
export function receivedTime(fragment: ArrayBuffer): number | null {
  const view = new DataView(fragment);
  const prft = find(view, 0, view.byteLength, 'prft');
  // Version, flags and track come first.
  if (!prft || prft.end - prft.start < 16) return null;
  return (view.getUint32(prft.start + 8) - NTP_EPOCH + view.getUint32(prft.start + 12) / 2 ** 32) * 1000;
}

function decodeTicks(view: DataView, at: number): number {
  return view.getUint8(at) === 1 ? Number(view.getBigUint64(at + 4)) : view.getUint32(at + 4);
}

/** How much later than it is decoded the first sample is shown: its composition offset, where there is one. */
function offsetTicks(view: DataView, at: number): number {
  const flags = view.getUint32(at) & 0xffffff;
  if ((flags & 0x800) === 0) return 0;
  // Optional words before it: data offset, first flags; of the sample its duration, size and flags.
  const before = [0x1, 0x4, 0x100, 0x200, 0x400].filter((flag) => (flags & flag) !== 0).length;
  return view.getInt32(at + 8 + 4 * before);
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
