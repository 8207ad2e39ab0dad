// The one stream of events of the page: keeps the lists up to date and tells whoever listens of each change.

import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { type EventFilter, type EventList, streamEvents, withEvent } from './events';
import type { Event } from './types';

type Hear = (event: Event) => void;

interface LiveEvents {
  connected: boolean;
  /** Calls `hear` with each change of an event, until the returned function is called. */
  listen(hear: Hear): () => void;
}

const Context = createContext<LiveEvents>({ connected: false, listen: () => () => undefined });

/** Puts a changed event where the cache has it or should have it. */
export function remember(client: QueryClient, event: Event): void {
  client.setQueryData(['event', event.id], event);
  for (const [key, list] of client.getQueriesData<EventList>({
    queryKey: ['events'],
  })) {
    if (list) client.setQueryData(key, withEvent(list, key[1] as EventFilter, event));
  }
}

export function LiveEventsProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [connected, setConnected] = useState(false);
  const listeners = useRef(new Set<Hear>());

  useEffect(
    () =>
      streamEvents({
        event(event) {
          remember(client, event);
          for (const hear of listeners.current) hear(event);
        },
        lagged: () => void client.invalidateQueries({ queryKey: ['events'] }),
        connected: setConnected,
      }),
    [client],
  );

  const value = useMemo(
    () => ({
      connected,
      listen(hear: Hear) {
        listeners.current.add(hear);
        return () => void listeners.current.delete(hear);
      },
    }),
    [connected],
  );
  return <Context value={value}>{children}</Context>;
}

export const useLiveEvents = () => useContext(Context);

/** Calls the newest `hear` with each change of an event. */
export function useOnEvent(hear: Hear): void {
  const { listen } = useLiveEvents();
  const newest = useRef(hear);
  useEffect(() => {
    newest.current = hear;
  });
  useEffect(() => listen((event) => newest.current(event)), [listen]);
}
