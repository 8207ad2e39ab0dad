// What the page asks of the server, one hook a question. Keys of the cache are made here and nowhere else.

import {
  type QueryClient,
  queryOptions,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { Problem, query, request, setCsrf } from './client';
import type { EventFilter } from './events';
import type {
  Camera,
  CameraInput,
  CameraPatch,
  Event,
  EventPage,
  Model,
  NewToken,
  Review,
  Role,
  Scope,
  Seen,
  Session,
  Sink,
  SinkInput,
  SourceTest,
  System,
  Token,
  Topology,
  Transport,
  User,
} from './types';

declare module '@tanstack/react-query' {
  interface Register {
    defaultError: Problem;
  }
}

interface Items<T> {
  items: T[];
}

/** How often states and rates are asked anew, in milliseconds. */
const FRESH = 3_000;

const path = (strings: TemplateStringsArray, ...parts: string[]) =>
  String.raw({ raw: strings }, ...parts.map(encodeURIComponent));

const list = <T>(name: string, refetchInterval: number | false = false) =>
  queryOptions({
    queryKey: [name],
    queryFn: async ({ signal }) => (await request<Items<T>>('GET', `/${name}`, undefined, signal)).items,
    refetchInterval,
  });

// ---- Session

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => {
    const session = await request<Session>('GET', '/session', undefined, signal);
    setCsrf(session.csrf);
    return session;
  },
  staleTime: Number.POSITIVE_INFINITY,
});

export const useSetupRequired = (enabled: boolean) =>
  useQuery({
    queryKey: ['setup'],
    queryFn: ({ signal }) => request<{ required: boolean }>('GET', '/setup', undefined, signal),
    enabled,
  });

/** Begins the session that the server answered with. Nothing of the one before is kept. */
function begin(client: QueryClient, session: Session): void {
  forget(client);
  setCsrf(session.csrf);
  client.setQueryData(sessionQuery.queryKey, session);
}

/** Drops what was learnt in a session. */
function forget(client: QueryClient): void {
  setCsrf('');
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
}

export interface Credentials {
  name: string;
  password: string;
}

function useBegin<T>(path: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: T) => request<Session>('POST', path, body),
    onSuccess: (session) => begin(client, session),
  });
}

export const useSignIn = () => useBegin<Credentials>('/session');
export const useSetup = () => useBegin<Credentials & { token: string }>('/setup');

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<void>('DELETE', '/session'),
    onSuccess: () => {
      forget(client);
      // Asked anew, the server answers that it knows nobody here.
      return client.resetQueries({ queryKey: sessionQuery.queryKey });
    },
  });
}

export const useChangePassword = () =>
  useMutation({
    mutationFn: (body: { old: string; new: string }) => request<void>('POST', '/password', body),
  });

// ---- Cameras

const camerasQuery = list<Camera>('cameras', FRESH);
export const useCameras = () => useQuery(camerasQuery);

/** What people call a camera; its id, if it is gone. */
export function useCameraName(id: string): string {
  const { data } = useQuery({
    ...camerasQuery,
    select: (all) => all.find((camera) => camera.id === id)?.name,
  });
  return data ?? id;
}

export function useCamera(id: string) {
  const client = useQueryClient();
  return useQuery<Camera>({
    queryKey: ['cameras', id],
    queryFn: ({ signal }) => request<Camera>('GET', path`/cameras/${id}`, undefined, signal),
    refetchInterval: FRESH,
    placeholderData: () => client.getQueryData(camerasQuery.queryKey)?.find((camera) => camera.id === id),
  });
}

export const useTestSource = () =>
  useMutation({
    mutationFn: (body: { url: string; transport?: Transport }) =>
      request<SourceTest>('POST', '/cameras/test', body),
  });

/** A mutation after which the queries under `key` are asked anew. */
function useChange<Argument, Answer>(key: string, change: (argument: Argument) => Promise<Answer>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey: [key] }),
  });
}

export const useAddCamera = () =>
  useChange('cameras', (body: CameraInput) => request<Camera>('POST', '/cameras', body));

export const useChangeCamera = (id: string) =>
  useChange('cameras', (body: CameraPatch) => request<Camera>('PATCH', path`/cameras/${id}`, body));

export const useRemoveCamera = (id: string) =>
  useChange('cameras', () => request<void>('DELETE', path`/cameras/${id}`));

// ---- Models

/** The models that cameras can name: those that find boxes. */
export const useModels = () =>
  useQuery({
    ...list<Model>('models'),
    select: (models) => models.filter(({ task }) => task !== 'tensors'),
  });

/** The lowest score that the server tells of. */
export const LEAST_SCORE = 0.1;

export interface Look {
  seen: Seen;
  /** Upright, as the server sees it. */
  picture: ImageBitmap;
  /** From when the picture was sent to when the answer was there. */
  millis: number;
}

/** What a model sees in a picture file. */
export const useDetect = (model: string) =>
  useMutation({
    async mutationFn(file: File | undefined): Promise<Look> {
      if (!file) throw new Problem(0, 'no_file', 'There is no picture in it.');
      const began = performance.now();
      const address = path`/models/${model}/detect` + query({ min_score: LEAST_SCORE });
      const seen = await request<Seen>('POST', address, file);
      const millis = performance.now() - began;
      const picture = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => {
        throw new Problem(0, 'not_shown', 'This browser cannot show the picture.');
      });
      return { seen, picture, millis };
    },
  });

// ---- Events

const PAGE = 40;

export const useEvents = (filter: EventFilter) =>
  useInfiniteQuery({
    queryKey: ['events', filter],
    queryFn: ({ pageParam, signal }) =>
      request<EventPage>(
        'GET',
        `/events${query({ ...filter, cursor: pageParam, limit: PAGE })}`,
        undefined,
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });

export const useEvent = (id: string | null) =>
  useQuery({
    queryKey: ['event', id],
    queryFn: ({ signal }) => request<Event>('GET', path`/events/${id ?? ''}`, undefined, signal),
    enabled: id !== null,
  });

export const useReview = (onSuccess: (event: Event) => void) =>
  useMutation({
    mutationFn: ({ id, review }: { id: string; review: Review }) =>
      request<Event>('PATCH', path`/events/${id}`, { review }),
    onSuccess,
  });

// ---- System

export const useSystem = () =>
  useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => request<System>('GET', '/system', undefined, signal),
    refetchInterval: FRESH,
  });

export const useTopology = () =>
  useQuery({
    queryKey: ['topology'],
    queryFn: ({ signal }) => request<Topology>('GET', '/system/topology', undefined, signal),
    refetchInterval: FRESH,
  });

// ---- Administration

export const useUsers = () => useQuery(list<User>('users'));
export const useAddUser = () =>
  useChange('users', (body: Credentials & { role: Role; cameras: string[] | null }) =>
    request<User>('POST', '/users', body),
  );
export const useChangeUser = () =>
  useChange(
    'users',
    ({ name, ...body }: { name: string; role?: Role; cameras?: string[] | null; password?: string }) =>
      request<User>('PATCH', path`/users/${name}`, body),
  );
export const useRemoveUser = () =>
  useChange('users', (name: string) => request<void>('DELETE', path`/users/${name}`));

export const useTokens = () => useQuery(list<Token>('tokens'));
export const useAddToken = () =>
  useChange('tokens', (body: { name: string; scopes: Scope[]; cameras: string[] | null }) =>
    request<NewToken>('POST', '/tokens', body),
  );
export const useRemoveToken = () =>
  useChange('tokens', (id: string) => request<void>('DELETE', path`/tokens/${id}`));

export const useSinks = () => useQuery(list<Sink>('sinks', FRESH));
export const useAddSink = () =>
  useChange('sinks', (body: SinkInput) => request<Sink>('POST', '/sinks', body));
export const useRemoveSink = () =>
  useChange('sinks', (name: string) => request<void>('DELETE', path`/sinks/${name}`));
export const useReviveSink = () =>
  useChange('sinks', (name: string) => request<unknown>('POST', path`/sinks/${name}/revive`));
