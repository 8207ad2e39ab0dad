// How a camera is doing: its connection, its picture, how closely it is watched and what was lost on the way.

import type { Camera } from '../api/types';
import {
  capital,
  formatCount,
  formatDuration,
  formatMillis,
  formatRate,
  stateName,
  words,
} from '../lib/format';
import { describePicture } from '../pages/cameras';
import { Notice, StateBadge } from './parts';

export function CameraHealth({ camera }: { camera: Camera }) {
  const { status } = camera;
  const drops = Object.entries(status.drops).filter(([, count]) => count > 0);
  return (
    <section className="card" aria-label="Health">
      <header>
        <h2>Health</h2>
        <StateBadge state={status.state} />
      </header>
      <div className="body stack">
        {status.error && <Notice tone="warn">{status.error}</Notice>}
        <dl className="facts">
          <div>
            <dt>{stateName(status.state)} for</dt>
            <dd className="number">{formatDuration(status.seconds)}</dd>
          </div>
          <div>
            <dt>Picture</dt>
            <dd>{describePicture(camera)}</dd>
          </div>
          <div>
            <dt>Pictures</dt>
            <dd className="number">{formatRate(status.frames_per_second)}</dd>
          </div>
          <div>
            <dt>Looked at</dt>
            <dd className="number">{formatRate(status.detections_per_second)}</dd>
          </div>
          <div>
            <dt>How closely</dt>
            <dd>
              {capital(status.rung)}
              {status.rung_reason && <span className="muted">: {words(status.rung_reason)}</span>}
            </dd>
          </div>
          <div>
            <dt>Newest picture</dt>
            <dd className="number">
              {status.age_ms === null ? 'none' : `${formatMillis(status.age_ms)} old`}
            </dd>
          </div>
          <div>
            <dt>Connections</dt>
            <dd className="number">{formatCount(status.connections)}</dd>
          </div>
          <div>
            <dt>Lost</dt>
            <dd>
              {drops.length === 0
                ? 'nothing'
                : drops.map(([reason, count]) => (
                    <div key={reason}>
                      <span className="number">{formatCount(count)}</span>{' '}
                      <span className="muted">{words(reason)}</span>
                    </div>
                  ))}
            </dd>
          </div>
        </dl>
      </div>
    </section>
  );
}
