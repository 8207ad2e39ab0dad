// Events as they come: the filter, how a change of an event enters lists that are shown already, and the stream.

import type { InfiniteData } from '@tanstack/react-query';
import { query, socketUrl } from './client';
import { connect } from './socket';
import type { Event, EventKind, EventPage, Review } from './types';

export interface EventFilter {
  camera?: string;
  kind?: EventKind;
  class?: string;
  review?: Review;
  /** RFC 3339. */
  since?: string;
  until?: string;
}

/** When it happened, for people and for filters: a recording has no clock, so it has none. */
export function timeOf(event: Event): string | null {
  return event.start ?? event.end;
}

/** Whether `event` belongs into a list with this filter: the same judgement as the server's. */
export function matches(filter: EventFilter, event: Event): boolean {
  const time = timeOf(event);
  const within =
    (!filter.since || (time !== null && Date.parse(time) >= Date.parse(filter.since))) &&
    (!filter.until || (time !== null && Date.parse(time) < Date.parse(filter.until)));
  return (
    within &&
    (!filter.camera || filter.camera === event.camera) &&
    (!filter.kind || filter.kind === event.kind) &&
    (!filter.class || filter.class === event.class) &&
    (!filter.review || filter.review === event.review)
  );
}

/**
 * The list with this change of an event: in its place if it is there, where its time puts it if it is not. What is there
 * stays although the filter no longer fits, so that a list does not jump under the hands of who reviews it.
 */
export function withEvent(list: EventList, filter: EventFilter, event: Event): EventList {
  const isListed = list.pages.some((page) => page.items.some(({ id }) => id === event.id));
  if (isListed) {
    const replace = (known: Event) => (known.id === event.id ? event : known);
    return { ...list, pages: list.pages.map((page) => ({ ...page, items: page.items.map(replace) })) };
  }
  return matches(filter, event) ? inserted(list, event) : list;
}

export type EventList = InfiniteData<EventPage, string | null>;

/** Newest first. What is older than all that is loaded comes with a later page, unless there is none. */
function inserted(list: EventList, event: Event): EventList {
  const holds = (page: EventPage) => page.items.some((known) => !isBefore(event, known));
  const found = list.pages.findIndex(holds);
  const index = found < 0 ? list.pages.length - 1 : found;
  const page = list.pages[index];
  if (!page || (found < 0 && page.next !== null)) return list;
  const place = page.items.findIndex((known) => !isBefore(event, known));
  const items = page.items.toSpliced(place < 0 ? page.items.length : place, 0, event);
  return { ...list, pages: list.pages.with(index, { ...page, items }) };
}

/** Whether the first happened before the second; what has no clock is taken for new. */
function isBefore(one: Event, other: Event): boolean {
  const [first, second] = [timeOf(one), timeOf(other)];
  return first !== null && second !== null && Date.parse(first) < Date.parse(second);
}

type StreamMessage =
  | { type: 'hello'; cursor: string }
  | { type: 'event'; cursor: string; event: Event }
  | { type: 'lagged' };

export interface StreamListener {
  event(event: Event): void;
  /** Events were missed: ask for the lists anew. */
  lagged(): void;
  connected(is: boolean): void;
}

/** Listens to the changes of events until the returned function is called. After a break it resumes where it was. */
export function streamEvents(listener: StreamListener): () => void {
  let cursor: string | null = null;
  const socket = connect(() => socketUrl(`/events/stream${query({ cursor })}`), {
    message(data) {
      if (typeof data !== 'string') return;
      const message = JSON.parse(data) as StreamMessage;
      if (message.type === 'lagged') {
        listener.lagged();
        return;
      }
      cursor = message.cursor;
      if (message.type === 'event') listener.event(message.event);
    },
    connected: listener.connected,
  });
  return socket.close;
}
