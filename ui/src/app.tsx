// Which page stands at which address, and who may see any of them.

import { MutationCache, QueryCache, QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { Problem } from './api/client';
import { LiveEventsProvider } from './api/live-events';
import { sessionQuery, useSetupRequired } from './api/queries';
import type { Session } from './api/types';
import { Loaded, Nothing } from './components/parts';
import { SessionProvider } from './components/session';
import { Shell } from './components/shell';
import { ToastProvider } from './components/toast';
import { AccountPage } from './pages/account';
import { AddCameraPage } from './pages/add-camera';
import { CameraPage } from './pages/camera';
import { CamerasPage } from './pages/cameras';
import { EventsPage } from './pages/events';
import { LivePage } from './pages/live';
import { ModelsPage } from './pages/models';
import { ReferencePage } from './pages/reference';
import { SetupPage } from './pages/setup';
import { SignInPage } from './pages/sign-in';
import { SinksPage } from './pages/sinks';
import { SystemPage } from './pages/system';
import { TokensPage } from './pages/tokens';
import { UsersPage } from './pages/users';

/** A cache that asks again only what may succeed then, and asks who we are as soon as the server no longer knows us. */
export function makeClient(): QueryClient {
  const signedOut = (error: Problem) => {
    if (error.code === 'unauthenticated') client.resetQueries({ queryKey: sessionQuery.queryKey });
  };
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, { queryKey }) => queryKey[0] !== 'session' && signedOut(error),
    }),
    mutationCache: new MutationCache({ onError: signedOut }),
    defaultOptions: {
      queries: { retry: (count, error) => count < 2 && (error.status === 0 || error.status >= 502) },
    },
  });
  return client;
}

export function App() {
  const [client] = useState(makeClient);
  return (
    <QueryClientProvider client={client}>
      <ToastProvider>
        <Door />
      </ToastProvider>
    </QueryClientProvider>
  );
}

/** Signs in, sets up, or lets in. */
function Door() {
  const session = useQuery(sessionQuery);
  const isUnknown = session.error instanceof Problem && session.error.status === 401;
  const setup = useSetupRequired(isUnknown);
  const [location] = useLocation();

  if (isUnknown) {
    if (!setup.data && !setup.error) return null;
    return setup.data?.required ? <SetupPage /> : <SignInPage />;
  }
  // Who is signed in already has nothing to set up.
  if (session.data && location === '/setup') return <Redirect to="/" replace />;
  return (
    <Loaded query={session} waiting={null}>
      {(session) => <Inside session={session} />}
    </Loaded>
  );
}

function Inside({ session }: { session: Session }) {
  return (
    <SessionProvider session={session}>
      <LiveEventsProvider key={session.user.name}>
        <Shell>
          <Switch>
            <Route path="/">{() => <LivePage />}</Route>
            <Route path="/live/:id">{({ id }) => <LivePage large={id} />}</Route>
            <Route path="/events">{() => <EventsPage selected={null} />}</Route>
            <Route path="/events/:id">{({ id }) => <EventsPage selected={id} />}</Route>
            <Route path="/cameras" component={CamerasPage} />
            <Route path="/cameras/new" component={AddCameraPage} />
            <Route path="/cameras/:id">{({ id }) => <CameraPage key={id} id={id} />}</Route>
            <Route path="/system" component={SystemPage} />
            <Route path="/account" component={AccountPage} />
            <Route path="/users" component={UsersPage} />
            <Route path="/tokens" component={TokensPage} />
            <Route path="/sinks" component={SinksPage} />
            <Route path="/models" component={ModelsPage} />
            <Route path="/reference" component={ReferencePage} />
            <Route>
              <Nothing icon="info" title="There is no such page" />
            </Route>
          </Switch>
        </Shell>
      </LiveEventsProvider>
    </SessionProvider>
  );
}
