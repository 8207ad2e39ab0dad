// One camera: its zones and lines on its picture, its health, its settings.

import { useEffect, useReducer, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useCamera, useChangeCamera, useModels, useRemoveCamera } from '../api/queries';
import type { Camera } from '../api/types';
import { CameraHealth } from '../components/camera-health';
import { CameraSettings } from '../components/camera-settings';
import { Icon } from '../components/icon';
import {
  Confirm,
  Loaded,
  Notice,
  OriginBadge,
  ProblemNotice,
  Skeleton,
  StateBadge,
} from '../components/parts';
import { useMayAdminister } from '../components/session';
import { Page } from '../components/shell';
import { useToast } from '../components/toast';
import { useTitle } from '../lib/hooks';
import { ZoneEditor } from '../zones/editor';
import { Rules } from '../zones/rules';
import { fault, load, reduce, store } from '../zones/shapes';

const CRUMB = { path: '/cameras', label: 'Cameras' };

export function CameraPage({ id }: { id: string }) {
  const query = useCamera(id);
  const camera = query.data;
  useTitle(camera?.name ?? id);
  return (
    <Page
      crumb={CRUMB}
      title={
        <>
          <h1>{camera?.name ?? id}</h1>
          {camera && <StateBadge state={camera.status.state} error={camera.status.error} />}
          {camera && <OriginBadge origin={camera.origin} />}
        </>
      }
      actions={
        camera?.enabled && (
          <Link className="button" href={`/live/${encodeURIComponent(id)}`}>
            <Icon name="live" /> Watch live
          </Link>
        )
      }
    >
      <Loaded query={query} waiting={<Skeleton height="28rem" />}>
        {(camera) => <CameraBody camera={camera} />}
      </Loaded>
    </Page>
  );
}

function CameraBody({ camera }: { camera: Camera }) {
  const isAdmin = useMayAdminister();
  const readOnly = !isAdmin || camera.origin === 'file';
  return (
    <>
      {isAdmin && camera.origin === 'file' && (
        <Notice icon="lock">
          This camera is set in the configuration file and is changed only there. Its zones are shown as they
          are.
        </Notice>
      )}
      <RulesCard camera={camera} readOnly={readOnly} />
      <div className="halves">
        <CameraHealth camera={camera} />
        <div className="stack">
          <CameraSettings camera={camera} readOnly={readOnly} />
          {!readOnly && <RemoveCamera camera={camera} />}
        </div>
      </div>
    </>
  );
}

function RulesCard({ camera, readOnly }: { camera: Camera; readOnly: boolean }) {
  const [drawing, dispatch] = useReducer(reduce, camera, load);
  const models = useModels();
  const change = useChangeCamera(camera.id);
  const tell = useToast();
  const classes = models.data?.find(({ name }) => name === camera.model)?.classes ?? [];
  const isFaulty = drawing.shapes.some((shape) => fault(shape, drawing.shapes) !== null);
  useLeaveWarning(drawing.isChanged);
  const save = () =>
    change.mutate(store(drawing.shapes), {
      onSuccess(saved) {
        dispatch({ type: 'load', camera: saved });
        tell('Zones and lines are saved');
      },
    });
  return (
    <section className="card" aria-label="Zones and lines">
      <header>
        <h2>Zones and lines</h2>
        {!readOnly && drawing.isChanged && (
          <div className="row">
            <button type="button" className="button" onClick={() => dispatch({ type: 'load', camera })}>
              Discard
            </button>
            <button
              type="button"
              className="button primary"
              disabled={isFaulty || change.isPending}
              onClick={save}
            >
              Save
            </button>
          </div>
        )}
      </header>
      <div className="body stack">
        <ProblemNotice problem={change.error} />
        <div className="drawing-room">
          <ZoneEditor camera={camera.id} drawing={drawing} dispatch={dispatch} readOnly={readOnly} />
          <Rules drawing={drawing} dispatch={dispatch} classes={classes} readOnly={readOnly} />
        </div>
      </div>
    </section>
  );
}

/** The browser asks before the page is left with what is not saved. */
function useLeaveWarning(isChanged: boolean): void {
  useEffect(() => {
    if (!isChanged) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isChanged]);
}

function RemoveCamera({ camera }: { camera: Camera }) {
  const [asking, setAsking] = useState(false);
  const remove = useRemoveCamera(camera.id);
  const [, go] = useLocation();
  const tell = useToast();
  const done = () => {
    tell(`${camera.name} is removed`);
    go('/cameras');
  };
  return (
    <>
      <div className="row end">
        <button type="button" className="button danger" onClick={() => setAsking(true)}>
          <Icon name="trash" /> Remove this camera
        </button>
      </div>
      {asking && (
        <Confirm
          title={`Remove ${camera.name}?`}
          action="Remove"
          pending={remove.isPending}
          problem={remove.error}
          onConfirm={() => remove.mutate(undefined, { onSuccess: done })}
          onClose={() => setAsking(false)}
        >
          Iris stops watching it, and its zones and lines are lost. Its events stay.
        </Confirm>
      )}
    </>
  );
}
