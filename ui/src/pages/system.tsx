// How the server is doing: health, disk, devices, and what each stage took, gave and lost.

import { useSystem, useTopology } from '../api/queries';
import type { Stage, System, Topology } from '../api/types';
import { Icon } from '../components/icon';
import { Loaded, Notice, Skeleton, type Tone } from '../components/parts';
import { Page } from '../components/shell';
import {
  capital,
  formatBytes,
  formatCount,
  formatDuration,
  formatMillis,
  formatPercent,
  formatRate,
  words,
} from '../lib/format';
import { useTitle } from '../lib/hooks';
import { useRates } from '../lib/rates';

const HEALTH: Record<System['health'], [tone: Tone, name: string]> = {
  ok: ['ok', 'All is well'],
  degraded: ['warn', 'Degraded'],
  failed: ['danger', 'Failed'],
};

export function SystemPage() {
  useTitle('System');
  const system = useSystem();
  const topology = useTopology();
  const [tone, health] = system.data ? HEALTH[system.data.health] : ['', ''];
  return (
    <Page
      title={
        <>
          <h1>System</h1>
          {system.data && <span className={`badge ${tone}`}>{health}</span>}
        </>
      }
    >
      <Loaded query={system} waiting={<Waiting />}>
        {(system) => (
          <>
            <Problems system={system} />
            <Figures system={system} />
            <div className="halves">
              <Disk system={system} />
              <Devices devices={system.devices} />
            </div>
            <Stages stages={system.stages} />
          </>
        )}
      </Loaded>
      <Loaded query={topology} waiting={<Skeleton height="12rem" />}>
        {(topology) => <Queues topology={topology} />}
      </Loaded>
    </Page>
  );
}

function Problems({ system }: { system: System }) {
  if (system.problems.length === 0) return null;
  return (
    <Notice tone={system.health === 'failed' ? 'danger' : 'warn'}>
      <ul>
        {system.problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </Notice>
  );
}

interface FigureProps {
  label: string;
  value: string;
  note?: string | undefined;
}

function Figure({ label, value, note }: FigureProps) {
  return (
    <div className="card figure">
      <span className="muted small">{label}</span>
      <span className="value number">{value}</span>
      {note && <span className="muted small number">{note}</span>}
    </div>
  );
}

function Figures({ system }: { system: System }) {
  const rates = useRates({ cpu: system.cpu_seconds, looks: inferences(system) });
  return (
    <div className="figures">
      <Figure
        label="Running for"
        value={formatDuration(system.uptime_seconds)}
        note={`Iris ${system.version}, run ${system.run}`}
      />
      <Figure
        label="Pictures looked at"
        value={rates ? formatRate(rates.looks) : '…'}
        note={`${formatCount(inferences(system))} in all`}
      />
      <Figure
        label="Processor"
        value={rates ? `${rates.cpu.toFixed(1)} cores` : '…'}
        note={`${system.threads} threads`}
      />
      <Figure label="Memory" value={formatBytes(system.memory_bytes)} />
      <Figure label="Events stored" value={formatCount(system.store.events)} note={storeNote(system)} />
    </div>
  );
}

const inferences = (system: System) => system.devices.reduce((sum, device) => sum + device.inferences, 0);

function storeNote({ store }: System): string | undefined {
  if (store.stalled) return `waiting: ${words(store.stalled)}`;
  return store.waiting > 0 ? `${formatCount(store.waiting)} waiting` : undefined;
}

function Meter({ share, label }: { share: number; label: string }) {
  const tone = share > 0.95 ? 'danger' : share > 0.85 ? 'warn' : '';
  return (
    <div
      className={`meter ${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
    >
      <span style={{ width: `${Math.min(share, 1) * 100}%` }} />
    </div>
  );
}

function Disk({ system: { store } }: { system: System }) {
  const used = store.disk_total_bytes - store.disk_free_bytes;
  return (
    <section className="card" aria-label="Disk">
      <header>
        <h2>Disk</h2>
        <span className="muted small number">
          {formatBytes(store.disk_free_bytes)} free of {formatBytes(store.disk_total_bytes)}
        </span>
      </header>
      <div className="body stack">
        <Meter share={store.disk_total_bytes > 0 ? used / store.disk_total_bytes : 0} label="Disk used" />
        <dl className="facts">
          <div>
            <dt>Pictures and clips</dt>
            <dd className="number">{formatBytes(store.media_bytes)}</dd>
          </div>
          <div>
            <dt>Database</dt>
            <dd className="number">{formatBytes(store.database_bytes)}</dd>
          </div>
        </dl>
      </div>
    </section>
  );
}

function Devices({ devices }: Pick<System, 'devices'>) {
  return (
    <section className="card" aria-label="Devices">
      <header>
        <h2>Devices</h2>
      </header>
      <div className="body stack">
        {devices.length === 0 && <p className="muted">No model is running yet.</p>}
        {devices.map((device) => (
          <div key={device.name}>
            <div className="row apart">
              <strong>{device.name}</strong>
              {device.state !== 'running' && (
                <span className={`badge ${device.state === 'lost' ? 'danger' : 'plain'}`}>
                  {capital(device.state)}
                </span>
              )}
              <span className="muted small number">
                {formatPercent(device.busy_share)} busy, {formatCount(device.inferences)} pictures
              </span>
            </div>
            <Meter share={device.busy_share} label={`${device.name} busy`} />
            {device.error && (
              <p className="muted small">
                Lost for {formatDuration(device.seconds)}: {device.error}
              </p>
            )}
          </div>
        ))}
      </div>
    </section>
  );
}

function Stages({ stages }: { stages: Stage[] }) {
  const received = Object.fromEntries(stages.map(({ name, received }) => [name, received]));
  const rates = useRates(received);
  return (
    <section className="card" aria-label="Stages">
      <header>
        <h2>The way of a picture</h2>
        <span className="muted small">received = passed on + lost + on the way</span>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div className="table-scroll" tabIndex={0} role="region" aria-label="Table of stages">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col" className="right">
                Rate
              </th>
              <th scope="col" className="right">
                Received
              </th>
              <th scope="col" className="right">
                Passed on
              </th>
              <th scope="col" className="right">
                On the way
              </th>
              <th scope="col" className="right">
                Age, median
              </th>
              <th scope="col" className="right">
                95 % under
              </th>
              <th scope="col">Lost</th>
            </tr>
          </thead>
          <tbody>
            {stages.map((stage) => (
              <StageRow key={stage.name} stage={stage} rate={rates?.[stage.name]} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function StageRow({ stage, rate }: { stage: Stage; rate: number | undefined }) {
  const lost = Object.entries(stage.dropped).filter(([, count]) => count > 0);
  return (
    <tr className="number">
      <th scope="row">{capital(stage.name)}</th>
      <td className="right">{rate === undefined ? '…' : formatRate(rate)}</td>
      <td className="right">{formatCount(stage.received)}</td>
      <td className="right">{formatCount(stage.emitted)}</td>
      <td className="right">{formatCount(stage.in_flight)}</td>
      <td className="right">{formatMillis(stage.age_ms_p50)}</td>
      <td className="right">{formatMillis(stage.age_ms_p95)}</td>
      <td>
        {lost.length === 0 ? (
          <span className="muted">nothing</span>
        ) : (
          lost.map(([reason, count]) => (
            <div key={reason}>
              {formatCount(count)} <span className="muted">{words(reason)}</span>
            </div>
          ))
        )}
      </td>
    </tr>
  );
}

function Queues({ topology }: { topology: Topology }) {
  return (
    <section className="card" aria-label="Topology">
      <header>
        <h2>Threads and queues</h2>
        <span className="muted small row">
          <Icon name="layers" /> {topology.stages.reduce((sum, { threads }) => sum + threads, 0)} threads of
          stages
        </span>
      </header>
      <div className="body stack">
        <div className="chips">
          {topology.stages.map(({ name, threads }) => (
            <span key={name} className="badge plain">
              {words(name)} {threads > 0 ? `× ${threads}` : '(tasks)'}
            </span>
          ))}
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <div className="table-scroll" tabIndex={0} role="region" aria-label="Table of queues">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col" className="right">
                Holds now
              </th>
              <th scope="col" className="right">
                At most
              </th>
              <th scope="col">When full</th>
            </tr>
          </thead>
          <tbody>
            {topology.queues.map((queue) => (
              <tr key={queue.name} className="number">
                <th scope="row">{capital(queue.name)}</th>
                <td className="right">{formatCount(queue.depth)}</td>
                <td className="right">{formatCount(queue.capacity)}</td>
                <td>{words(queue.when_full)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Waiting() {
  return (
    <>
      <Skeleton height="6rem" />
      <Skeleton height="10rem" />
      <Skeleton height="14rem" />
    </>
  );
}
