// All cameras with their health.

import { Link } from 'wouter';
import { useCameras } from '../api/queries';
import type { Camera } from '../api/types';
import { Icon } from '../components/icon';
import { Loaded, Nothing, OriginBadge, Skeleton, StateBadge } from '../components/parts';
import { useMayAdminister } from '../components/session';
import { Page } from '../components/shell';
import { codecName, formatDuration, formatRate, words } from '../lib/format';
import { useTitle } from '../lib/hooks';

export function CamerasPage() {
  useTitle('Cameras');
  const cameras = useCameras();
  const add = useMayAdminister() && (
    <Link className="button primary" href="/cameras/new">
      <Icon name="plus" /> Add a camera
    </Link>
  );
  return (
    <Page title={<h1>Cameras</h1>} actions={add}>
      <div className="card">
        <Loaded query={cameras} waiting={<Waiting />}>
          {(all) =>
            all.length > 0 ? (
              <ul className="cameras">
                {all.map((camera) => (
                  <li key={camera.id}>
                    <CameraRow camera={camera} />
                  </li>
                ))}
              </ul>
            ) : (
              <Nothing icon="cameras" title="No cameras yet">
                <p>A camera is added by its RTSP address. Iris shows its picture before it is saved.</p>
                {add}
              </Nothing>
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}

function CameraRow({ camera }: { camera: Camera }) {
  const { status } = camera;
  const rules = camera.zones.length + camera.lines.length;
  const isLive = status.state === 'live';
  return (
    <Link className="camera" href={`/cameras/${encodeURIComponent(camera.id)}`}>
      <span className="who">
        <strong>{camera.name}</strong>
        <span className="muted small">{camera.id}</span>
      </span>
      <span className="state">
        <StateBadge state={status.state} error={status.error} />
        <OriginBadge origin={camera.origin} />
      </span>
      <span className="muted small detail-text">
        {isLive ? describePicture(camera) : (status.error ?? `for ${formatDuration(status.seconds)}`)}
      </span>
      <span className="muted small rate number">
        {isLive && `${formatRate(status.frames_per_second)}, ${words(status.rung)}`}
      </span>
      <span className="muted small rate">
        {rules === 0 ? 'no rules' : `${rules} rule${rules === 1 ? '' : 's'}`}
      </span>
    </Link>
  );
}

export function describePicture({ status }: Camera): string {
  const size = status.width && status.height ? `${status.width} × ${status.height}` : null;
  return (
    [size, status.codec && codecName(status.codec)].filter(Boolean).join(', ') || 'picture not known yet'
  );
}

function Waiting() {
  return (
    <div className="stack body">
      <Skeleton height="2.5rem" />
      <Skeleton height="2.5rem" />
      <Skeleton height="2.5rem" />
    </div>
  );
}
