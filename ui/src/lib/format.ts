// Times, sizes and names as people read them. English; clocks of 24 hours in the time zone of who looks.

import type { CameraState, Event, EventKind } from '../api/types';

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

export const formatMoment = (time: string) => moment.format(new Date(time));
export const formatCount = (count: number) => whole.format(count);

export const formatClock = (time: string) => clock.format(new Date(time));

/** The day, in short; nothing if it is today. */
export function formatDate(time: string, now = new Date()): string {
  const at = new Date(time);
  return midnight(at) === midnight(now) ? '' : date.format(at);
}

/** "Today", "Yesterday" or the day. */
export function formatDay(time: string, now = new Date()): string {
  const days = Math.round((midnight(now) - midnight(new Date(time))) / 86_400_000);
  if (days === 0) return 'Today';
  return days === 1 ? 'Yesterday' : day.format(new Date(time));
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** The two largest units: "3 d 4 h", "12 min 5 s", "0 s". */
export function formatDuration(seconds: number): string {
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  let rest = Math.max(0, Math.round(seconds));
  const parts = units.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return [count, unit] as const;
  });
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : whole.format(value)} ${units[unit]}`;
}

export const formatPercent = (share: number) => `${Math.round(share * 100)} %`;
export const formatMillis = (millis: number | null) => (millis === null ? '–' : `${whole.format(millis)} ms`);
export const formatRate = (rate: number) => `${rate < 9.95 ? rate.toFixed(1) : whole.format(rate)}/s`;

const KINDS: Record<EventKind, string> = {
  intrusion: 'Intrusion',
  line_crossing: 'Line crossing',
  track: 'Seen',
};

export const kindName = (kind: EventKind) => KINDS[kind] ?? capital(kind);

const STATES: Record<CameraState, string> = {
  connecting: 'Connecting',
  live: 'Live',
  stalled: 'Stalled',
  offline: 'Offline',
  auth_failed: 'Sign-in refused',
  failed: 'Failed',
  ended: 'Ended',
  disabled: 'Disabled',
};

export const stateName = (state: CameraState) => STATES[state] ?? capital(state);

/** "person in yard", "car over barrier, left to right". */
export function describeEvent(event: Event): string {
  if (event.kind === 'line_crossing') {
    const way = event.direction ? `, ${words(event.direction)}` : '';
    return `${capital(event.class)} over ${event.rule ?? 'a line'}${way}`;
  }
  return event.rule ? `${capital(event.class)} in ${event.rule}` : `${capital(event.class)} seen`;
}

/** How long it lasted, in words; what goes on has no length yet. */
export function lengthOf(event: Event): string {
  if (event.kind === 'line_crossing') return 'a moment';
  if (event.media_end === null) return event.state === 'interrupted' ? 'not known' : 'goes on';
  return formatDuration(Math.max(1, event.media_end - event.media_start));
}

/** `left_to_right` as people write it. */
export const words = (name: string) => name.replaceAll('_', ' ');
export const capital = (text: string) => text.charAt(0).toUpperCase() + words(text.slice(1));

const CODECS: Record<string, string> = { h264: 'H.264', h265: 'H.265', hevc: 'H.265', mjpeg: 'MJPEG' };

export const codecName = (codec: string) => CODECS[codec.toLowerCase()] ?? codec.toUpperCase();
