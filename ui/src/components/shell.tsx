// The frame around every page: where one can go, who one is, whether the server is heard.

import type { ReactNode } from 'react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useLiveEvents, useOnEvent } from '../api/live-events';
import { useSignOut } from '../api/queries';
import { type Scheme, useScheme } from '../lib/scheme';
import { Icon, type IconName } from './icon';
import { useMayAdminister, useUser } from './session';

interface Place {
  path: string;
  label: string;
  icon: IconName;
}

const LIVE: Place = { path: '/', label: 'Live', icon: 'live' };
const EVENTS: Place = { path: '/events', label: 'Events', icon: 'events' };
const CAMERAS: Place = { path: '/cameras', label: 'Cameras', icon: 'cameras' };
const SYSTEM: Place = { path: '/system', label: 'System', icon: 'system' };

export function Shell({ children }: { children: ReactNode }) {
  const { connected } = useLiveEvents();
  // The system is shown to who may see all cameras.
  const places = useUser().cameras === null ? [LIVE, EVENTS, CAMERAS, SYSTEM] : [LIVE, EVENTS, CAMERAS];
  const unseen = useUnseen();
  return (
    <div className="shell">
      <a className="button skip" href="#main">
        Skip to the content
      </a>
      <nav className="rail" aria-label="Pages">
        <Link className="brand" href="/" aria-label="Iris, live wall">
          <img src="/favicon.svg" alt="" />
          <span>Iris</span>
        </Link>
        <div className="places">
          {places.map((place) => (
            <PlaceLink key={place.path} place={place} count={place === EVENTS ? unseen : 0} />
          ))}
        </div>
        <div className="foot">
          {!connected && (
            <div className="line" role="status">
              Reconnecting to the server…
            </div>
          )}
          <AccountMenu />
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function PlaceLink({ place, count }: { place: Place; count: number }) {
  const [location] = useLocation();
  const isHere =
    place.path === '/' ? location === '/' || location.startsWith('/live/') : location.startsWith(place.path);
  return (
    <Link className="place" href={place.path} aria-current={isHere ? 'page' : undefined} title={place.label}>
      <Icon name={place.icon} />
      <span>{place.label}</span>
      {count > 0 && !isHere && (
        <span className="count" title="New while you were elsewhere">
          {count > 99 ? '99+' : count}
        </span>
      )}
    </Link>
  );
}

/** How many events came since the list of events was last looked at. */
function useUnseen(): number {
  const [location] = useLocation();
  const [unseen, setUnseen] = useState<ReadonlySet<string>>(new Set());
  const isLooking = location.startsWith('/events');
  if (isLooking && unseen.size > 0) setUnseen(new Set());
  useOnEvent((event) => {
    if (!isLooking && event.review === 'new') setUnseen((ids) => new Set(ids).add(event.id));
  });
  return unseen.size;
}

const ADMIN_PLACES: Place[] = [
  { path: '/users', label: 'Users', icon: 'users' },
  { path: '/tokens', label: 'API tokens', icon: 'key' },
  { path: '/sinks', label: 'Deliveries', icon: 'send' },
  { path: '/models', label: 'Models', icon: 'layers' },
];

function AccountMenu() {
  const user = useUser();
  const isAdmin = useMayAdminister();
  const signOut = useSignOut();
  const close = () => document.getElementById('account-menu')?.hidePopover();
  const places: Place[] = [
    { path: '/account', label: 'Change password', icon: 'lock' },
    ...(isAdmin ? ADMIN_PLACES : []),
    { path: '/reference', label: 'API', icon: 'code' },
  ];
  return (
    <>
      <button type="button" className="place" popoverTarget="account-menu" title="Account">
        <Icon name="account" />
        <span>{user.name}</span>
      </button>
      <div className="menu" id="account-menu" popover="auto">
        <div className="who">
          <strong>{user.name}</strong>
          <span className="muted small">
            {ROLES[user.role]}
            {user.cameras && `, ${user.cameras.length} camera${user.cameras.length === 1 ? '' : 's'}`}
          </span>
        </div>
        {places.map(({ path, label, icon }) => (
          <Link key={path} className="place" href={path} onClick={close}>
            <Icon name={icon} /> {label}
          </Link>
        ))}
        <SchemeSwitch />
        <button type="button" className="place" disabled={signOut.isPending} onClick={() => signOut.mutate()}>
          <Icon name="signOut" /> Sign out
        </button>
      </div>
    </>
  );
}

const ROLES = { admin: 'Administrator', operator: 'Operator', viewer: 'Viewer' };

function SchemeSwitch() {
  const [scheme, choose] = useScheme();
  const schemes: [Scheme, string][] = [
    ['system', 'Auto'],
    ['light', 'Light'],
    ['dark', 'Dark'],
  ];
  return (
    <fieldset className="segments" aria-label="Colour scheme">
      {schemes.map(([value, label]) => (
        <button key={value} type="button" aria-pressed={scheme === value} onClick={() => choose(value)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
}

interface PageProps {
  title: ReactNode;
  /** Where this page belongs to. */
  crumb?: { path: string; label: string };
  actions?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}

/** A page with its heading. */
export function Page({ title, crumb, actions, narrow = false, children }: PageProps) {
  return (
    <div className={`page ${narrow ? 'narrow' : ''}`}>
      <header>
        <div>
          {crumb && (
            <Link className="crumb" href={crumb.path}>
              <Icon name="back" /> {crumb.label}
            </Link>
          )}
          <div className="title">{title}</div>
        </div>
        {actions && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
