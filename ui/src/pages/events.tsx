// The list of events and the one that is looked at. The filter stands in the address, so it can be kept and shared.

import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type EventFilter, timeOf } from '../api/events';
import { useLiveEvents } from '../api/live-events';
import { useEvents } from '../api/queries';
import type { Event } from '../api/types';
import { EventDetail } from '../components/event-detail';
import { EventFilters } from '../components/event-filters';
import { EventThumb } from '../components/event-thumb';
import { Icon } from '../components/icon';
import { KeyHelp } from '../components/key-help';
import { Loaded, Nothing, Skeleton } from '../components/parts';
import { Page } from '../components/shell';
import { useReviewer } from '../components/use-reviewer';
import { isFiltered, readFilter } from '../lib/event-filter';
import { formatDay } from '../lib/format';
import { useKeys, useTitle } from '../lib/hooks';

export function EventsPage({ selected }: { selected: string | null }) {
  useTitle('Events');
  const search = useSearch();
  const filter = readFilter(search);
  const query = useEvents(filter);
  const events = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const [help, setHelp] = useState(false);
  const { open, step } = useSelection(events, selected, search);
  const review = useReviewer(() => step(1));
  const judge = (verdict: 'confirmed' | 'dismissed' | 'new') => () =>
    selected && review.judge(selected, verdict);

  useKeys({
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    c: judge('confirmed'),
    d: judge('dismissed'),
    u: judge('new'),
    Escape: () => open(null),
    '?': () => setHelp(true),
  });

  return (
    <Page
      title={
        <>
          <h1>Events</h1>
          <LiveMark />
        </>
      }
      actions={
        <button type="button" className="button quiet" onClick={() => setHelp(true)}>
          <Icon name="help" /> Keys
        </button>
      }
    >
      <EventFilters filter={filter} />
      <div className="review" data-open={selected !== null}>
        <div className="card list">
          <Loaded query={query} waiting={<WaitingList />}>
            {() =>
              events.length > 0 ? (
                <EventList events={events} selected={selected} search={search} more={query} />
              ) : (
                <NoEvents filter={filter} />
              )
            }
          </Loaded>
        </div>
        <EventDetail key={selected} id={selected} review={review} onClose={() => open(null)} />
      </div>
      {help && <KeyHelp onClose={() => setHelp(false)} />}
    </Page>
  );
}

const addressOf = (id: string | null, search: string) =>
  `/events${id === null ? '' : `/${encodeURIComponent(id)}`}${search && `?${search}`}`;

/** Moving through the list; beside it nothing is selected twice. */
function useSelection(events: Event[], selected: string | null, search: string) {
  const [, go] = useLocation();
  const open = (id: string | null) => go(addressOf(id, search), { replace: selected !== null });
  const step = (by: 1 | -1) => {
    const now = events.findIndex(({ id }) => id === selected);
    const next = events[now < 0 ? 0 : now + by];
    if (next) open(next.id);
  };
  return { open, step };
}

function LiveMark() {
  const { connected } = useLiveEvents();
  return connected ? (
    <span className="badge ok">Live</span>
  ) : (
    <span className="badge warn">Reconnecting</span>
  );
}

interface More {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage(): unknown;
}

interface EventListProps {
  events: Event[];
  selected: string | null;
  search: string;
  more: More;
}

function EventList({ events, selected, search, more }: EventListProps) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (selected === null) return;
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  return (
    <ol ref={list} aria-label="Events, newest first">
      {events.map((event, index) => (
        <li key={event.id}>
          <DayHeading event={event} before={events[index - 1]} />
          <EventThumb event={event} href={addressOf(event.id, search)} current={event.id === selected} />
        </li>
      ))}
      <li>
        <LoadMore more={more} />
      </li>
    </ol>
  );
}

const dayOf = (event: Event | undefined) => {
  const time = event && timeOf(event);
  return time ? formatDay(time) : 'Recordings';
};

function DayHeading({ event, before }: { event: Event; before: Event | undefined }) {
  const day = dayOf(event);
  return before && dayOf(before) === day ? null : <h2 className="day">{day}</h2>;
}

/** Loads the next page when it comes into sight. */
function LoadMore({ more }: { more: More }) {
  const end = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = more;
  useEffect(() => {
    const target = end.current;
    if (!target || !hasNextPage || isFetchingNextPage) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && fetchNextPage(), {
      rootMargin: '400px',
    });
    observer.observe(target);
    return () => observer.disconnect();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  return (
    <div ref={end} className="list-end muted small">
      {hasNextPage ? 'Loading more…' : 'No older events'}
    </div>
  );
}

function NoEvents({ filter }: { filter: EventFilter }): ReactNode {
  if (isFiltered(filter)) {
    return (
      <Nothing icon="filter" title="No event fits">
        <p>Take a filter away to see more.</p>
      </Nothing>
    );
  }
  return (
    <Nothing icon="events" title="No events yet">
      <p>As soon as a camera sees what its zones and lines ask for, it is listed here with its picture.</p>
    </Nothing>
  );
}

function WaitingList() {
  return (
    <div className="stack body">
      {[1, 2, 3, 4, 5, 6].map((row) => (
        <Skeleton key={row} height="3.5rem" />
      ))}
    </div>
  );
}
