// The live wall: every camera at once or one of them large, and the newest alarms beside them.

import { useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useOnEvent } from '../api/live-events';
import { useCameras, useEvents } from '../api/queries';
import type { Camera, Event } from '../api/types';
import { EventThumb } from '../components/event-thumb';
import { Icon } from '../components/icon';
import { LiveTile } from '../components/live-tile';
import { Loaded, Nothing, Skeleton } from '../components/parts';
import { useMayAdminister } from '../components/session';
import { Page } from '../components/shell';
import { useKeys, useTitle } from '../lib/hooks';

/** How long a camera's frame flashes after an alarm, in milliseconds. */
const FLASH = 6_000;
/** What is older does not flash, in milliseconds; clocks may differ. */
const FRESH = 120_000;
const NEWEST = 12;

export function LivePage({ large }: { large?: string }) {
  useTitle('Live');
  const cameras = useCameras();
  const [, go] = useLocation();
  const [overlay, setOverlay] = useState(true);
  const alarms = useAlarms();
  useKeys({ Escape: () => large && go('/'), o: () => setOverlay(!overlay) });
  const shown = (all: Camera[]) =>
    large ? all.filter(({ id }) => id === large) : all.filter(({ enabled }) => enabled);
  return (
    <Page
      title={<h1>{large ? (cameras.data?.find(({ id }) => id === large)?.name ?? large) : 'Live'}</h1>}
      {...(large ? { crumb: { path: '/', label: 'All cameras' } } : {})}
      actions={
        <>
          {large && (
            <Link className="button" href={`/cameras/${encodeURIComponent(large)}`}>
              Zones and settings
            </Link>
          )}
          <button
            type="button"
            className={`button ${overlay ? 'pressed' : ''}`}
            aria-pressed={overlay}
            onClick={() => setOverlay(!overlay)}
          >
            <Icon name="boxes" /> Boxes and zones
          </button>
        </>
      }
    >
      <div className="watch">
        <Loaded query={cameras} waiting={<WaitingWall />}>
          {(all) =>
            shown(all).length > 0 ? (
              <Wall cameras={shown(all)} large={large !== undefined} overlay={overlay} alarms={alarms} />
            ) : (
              <NoCameras isKnown={!large} />
            )
          }
        </Loaded>
        <Alarms camera={large} />
      </div>
    </Page>
  );
}

interface WallProps {
  cameras: Camera[];
  large: boolean;
  overlay: boolean;
  alarms: ReadonlyMap<string, ReadonlySet<string>>;
}

function Wall({ cameras, large, overlay, alarms }: WallProps) {
  return (
    <ul className="wall" data-count={large ? 1 : Math.min(cameras.length, 10)}>
      {cameras.map((camera) => (
        <li key={camera.id}>
          <LiveTile camera={camera} large={large} overlay={overlay} alarmed={alarms.get(camera.id)} />
        </li>
      ))}
    </ul>
  );
}

function WaitingWall() {
  return (
    <div className="wall" data-count={4}>
      {[1, 2, 3, 4].map((tile) => (
        <div key={tile} className="tile skeleton" />
      ))}
    </div>
  );
}

function NoCameras({ isKnown }: { isKnown: boolean }) {
  const isAdmin = useMayAdminister();
  return (
    <div className="card">
      <Nothing icon="cameras" title={isKnown ? 'No cameras to watch yet' : 'There is no such camera'}>
        {isKnown && isAdmin && (
          <>
            <p>Add the first one by its address. It is shown here as soon as it answers.</p>
            <Link className="button primary" href="/cameras/new">
              <Icon name="plus" /> Add a camera
            </Link>
          </>
        )}
      </Nothing>
    </div>
  );
}

/** The rules of each camera that have just raised an alarm; a track that no rule asked for counts as the rule "". */
function useAlarms(): ReadonlyMap<string, ReadonlySet<string>> {
  const [recent, setRecent] = useState<Event[]>([]);
  const timers = useRef(new Set<ReturnType<typeof setTimeout>>());
  const known = useRef(new Set<string>());
  useOnEvent((event) => {
    const isKnown = known.current.has(event.id);
    known.current.add(event.id);
    if (isKnown || event.review !== 'new' || isOld(event)) return;
    setRecent((events) => [...events, event]);
    const timer = setTimeout(() => {
      timers.current.delete(timer);
      setRecent((events) => events.filter((other) => other !== event));
    }, FLASH);
    timers.current.add(timer);
  });
  useEffect(() => {
    const pending = timers.current;
    return () => {
      for (const timer of pending) clearTimeout(timer);
    };
  }, []);
  const alarms = new Map<string, Set<string>>();
  for (const { camera, rule } of recent)
    alarms.set(camera, (alarms.get(camera) ?? new Set()).add(rule ?? ''));
  return alarms;
}

/** What changed now may have happened long ago. */
function isOld(event: Event): boolean {
  const time = event.end ?? event.start;
  return time !== null && Date.now() - Date.parse(time) > FRESH;
}

function Alarms({ camera }: { camera: string | undefined }) {
  const events = useEvents(camera ? { camera, review: 'new' } : { review: 'new' });
  return (
    <aside className="card alarms" aria-label="New alarms">
      <header>
        <h2>New alarms</h2>
        <Link className="small" href="/events?review=new">
          All
        </Link>
      </header>
      <Loaded query={events} waiting={<AlarmsWaiting />}>
        {({ pages }) => {
          const fresh = pages.flatMap(({ items }) => items).filter(({ review }) => review === 'new');
          if (fresh.length === 0) return <NoAlarms />;
          return (
            <ol aria-live="polite" aria-relevant="additions">
              {fresh.slice(0, NEWEST).map((event) => (
                <li key={event.id}>
                  <EventThumb
                    event={event}
                    href={`/events/${encodeURIComponent(event.id)}?review=new`}
                    badge={false}
                  />
                </li>
              ))}
            </ol>
          );
        }}
      </Loaded>
    </aside>
  );
}

function NoAlarms() {
  return (
    <Nothing icon="check" title="All quiet">
      <p>Alarms appear here as they are raised.</p>
    </Nothing>
  );
}

function AlarmsWaiting() {
  return (
    <div className="stack body">
      <Skeleton height="3.5rem" />
      <Skeleton height="3.5rem" />
      <Skeleton height="3.5rem" />
    </div>
  );
}
