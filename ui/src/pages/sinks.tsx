// Where events are delivered, and what waits there.

import { type FormEvent, useState } from 'react';
import { useAddSink, useRemoveSink, useReviveSink, useSinks } from '../api/queries';
import type { Sink, SinkInput } from '../api/types';
import { Icon } from '../components/icon';
import {
  Confirm,
  Dialog,
  Loaded,
  Nothing,
  OriginBadge,
  ProblemNotice,
  Skeleton,
  TextField,
} from '../components/parts';
import { Page } from '../components/shell';
import { useToast } from '../components/toast';
import { formatCount, formatMoment } from '../lib/format';
import { useTitle } from '../lib/hooks';

export function SinksPage() {
  useTitle('Deliveries');
  const sinks = useSinks();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Sink | null>(null);
  return (
    <Page
      narrow
      title={<h1>Deliveries</h1>}
      actions={
        <button type="button" className="button primary" onClick={() => setAdding(true)}>
          <Icon name="plus" /> Add a webhook
        </button>
      }
    >
      <p className="muted">Every event goes to each of these, at least once and in order per camera.</p>
      <div className="card">
        <Loaded query={sinks} waiting={<Skeleton height="8rem" />}>
          {(sinks) =>
            sinks.length > 0 ? (
              <ul className="entries">
                {sinks.map((sink) => (
                  <SinkRow key={sink.name} sink={sink} remove={() => setRemoving(sink)} />
                ))}
              </ul>
            ) : (
              <Nothing icon="send" title="No deliveries yet">
                <p>Events can be sent to another system by HTTP. Files are set in the configuration file.</p>
              </Nothing>
            )
          }
        </Loaded>
      </div>
      {adding && <AddSink onClose={() => setAdding(false)} />}
      {removing && <RemoveSink sink={removing} onClose={() => setRemoving(null)} />}
    </Page>
  );
}

function SinkRow({ sink, remove }: { sink: Sink; remove(): void }) {
  const revive = useReviveSink();
  const tell = useToast();
  return (
    <li className="entry">
      <div>
        <div className="name">
          <strong>{sink.name}</strong> <OriginBadge origin={sink.origin} />
        </div>
        <div className="muted small">
          {sink.kind === 'webhook' ? 'Webhook' : 'File'} <code>{sink.url ?? sink.path}</code>
        </div>
        <SinkState sink={sink} />
      </div>
      <div className="row">
        {sink.dead > 0 && (
          <button
            type="button"
            className="button"
            disabled={revive.isPending}
            onClick={() => revive.mutate(sink.name, { onSuccess: () => tell('They are tried again') })}
          >
            <Icon name="refresh" /> Try again
          </button>
        )}
        {sink.origin === 'store' && (
          <button
            type="button"
            className="button danger icon-only"
            aria-label={`Remove ${sink.name}`}
            onClick={remove}
          >
            <Icon name="trash" />
          </button>
        )}
      </div>
    </li>
  );
}

function SinkState({ sink }: { sink: Sink }) {
  const since = sink.oldest ? `, the oldest from ${formatMoment(sink.oldest)}` : '';
  return (
    <div className="row small">
      {sink.pending === 0 ? (
        <span className="badge ok">Nothing waits</span>
      ) : (
        <span className="badge warn">
          {formatCount(sink.pending)} waiting{since}
        </span>
      )}
      {sink.dead > 0 && <span className="badge danger">{formatCount(sink.dead)} given up</span>}
    </div>
  );
}

function AddSink({ onClose }: { onClose(): void }) {
  const [sink, setSink] = useState<SinkInput>({ name: '', kind: 'webhook', url: '', secret: '' });
  const add = useAddSink();
  const tell = useToast();
  const set = (change: Partial<SinkInput>) => setSink({ ...sink, ...change });
  const done = () => {
    tell(`Events go to ${sink.name}`);
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(sink, { onSuccess: done });
  };
  return (
    <Dialog title="Add a webhook" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <ProblemNotice problem={add.error} />
        <TextField
          label="Name"
          wrong={add.error?.at('name')}
          hint="a-z, 0-9, _ and -"
          required
          pattern="[a-z0-9][a-z0-9_\-]{0,31}"
          value={sink.name}
          onChange={(name) => set({ name })}
        />
        <TextField
          label="Address"
          wrong={add.error?.at('url')}
          hint="https://alarms.example.org/iris"
          required
          type="url"
          value={sink.url}
          onChange={(url) => set({ url })}
        />
        <TextField
          label="Signing key"
          wrong={add.error?.at('secret')}
          hint="At least 16 characters; the receiver checks messages with it"
          required
          type="password"
          autoComplete="off"
          minLength={16}
          value={sink.secret}
          onChange={(secret) => set({ secret })}
        />
        <div className="row end">
          <button type="submit" className="button primary" disabled={add.isPending}>
            Add the webhook
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveSink({ sink, onClose }: { sink: Sink; onClose(): void }) {
  const remove = useRemoveSink();
  return (
    <Confirm
      title={`Remove ${sink.name}?`}
      action="Remove"
      pending={remove.isPending}
      problem={remove.error}
      onConfirm={() => remove.mutate(sink.name, { onSuccess: onClose })}
      onClose={onClose}
    >
      {sink.pending > 0
        ? `${formatCount(sink.pending)} events that wait for it are not delivered.`
        : 'New events no longer go there.'}
    </Confirm>
  );
}
