// Adds a camera: first its address is tried and its picture shown, then it gets a name.

import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { useAddCamera, useModels, useTestSource } from '../api/queries';
import type { SourceTest, Transport } from '../api/types';
import { Icon } from '../components/icon';
import { Field, Nothing, Notice, ProblemNotice, TextField } from '../components/parts';
import { Page } from '../components/shell';
import { useToast } from '../components/toast';
import { codecName, formatRate } from '../lib/format';
import { useTitle } from '../lib/hooks';
import { slug } from '../lib/slug';

interface Source {
  url: string;
  transport: Transport;
}

export function AddCameraPage() {
  useTitle('Add a camera');
  const [source, setSource] = useState<Source>({ url: '', transport: 'tcp' });
  const test = useTestSource();
  const change = (change: Partial<Source>) => {
    setSource({ ...source, ...change });
    test.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    test.mutate(source);
  };
  return (
    <Page narrow crumb={{ path: '/cameras', label: 'Cameras' }} title={<h1>Add a camera</h1>}>
      <div className="halves">
        <form className="card" onSubmit={submit}>
          <header>
            <h2>1. Its address</h2>
          </header>
          <div className="body stack">
            <TextField
              label="Address"
              wrong={test.error?.at('url')}
              hint={
                <>
                  <code>rtsp://user:password@10.0.0.11/stream1</code>, or HTTP for MJPEG and HLS
                </>
              }
              required
              value={source.url}
              autoComplete="off"
              spellCheck={false}
              onChange={(value) => change({ url: value.trim() })}
            />
            <Field label="Transport">
              {(props) => (
                <select
                  {...props}
                  value={source.transport}
                  onChange={(event) => change({ transport: event.target.value as Transport })}
                >
                  <option value="tcp">TCP</option>
                  <option value="udp">UDP, for quiet networks</option>
                </select>
              )}
            </Field>
            <ProblemNotice problem={test.error} />
            <div className="row end">
              <button
                type="submit"
                className={`button ${test.data ? '' : 'primary'}`}
                disabled={test.isPending || source.url === ''}
              >
                {test.isPending ? 'Trying…' : 'Try it'}
              </button>
            </div>
          </div>
        </form>
        <Preview test={test.data} pending={test.isPending} />
        {(test.data || test.error) && <NameForm source={source} tested={test.data !== undefined} />}
      </div>
    </Page>
  );
}

function Preview({ test, pending }: { test: SourceTest | undefined; pending: boolean }) {
  return (
    <section className="card preview" aria-label="Picture" aria-busy={pending}>
      {test?.picture ? (
        <img src={`data:image/jpeg;base64,${test.picture}`} alt="What the camera sees now" />
      ) : (
        <Nothing icon="picture" title={pending ? 'Asking the camera…' : 'No picture yet'}>
          <p>
            {pending
              ? 'It may take some seconds until it sends a whole picture.'
              : 'Try the address to see what it shows.'}
          </p>
        </Nothing>
      )}
      {test && (
        <div className="row body">
          <span className="badge ok">It answers</span>
          <span className="muted small">
            {codecName(test.codec)}
            {test.width && test.height && `, ${test.width} × ${test.height}`}
            {test.frames_per_second !== null && `, ${formatRate(test.frames_per_second)}`}
          </span>
        </div>
      )}
    </section>
  );
}

function NameForm({ source, tested }: { source: Source; tested: boolean }) {
  const [name, setName] = useState('');
  const [ownId, setOwnId] = useState<string | null>(null);
  const [model, setModel] = useState('');
  const models = useModels();
  const add = useAddCamera();
  const [, go] = useLocation();
  const tell = useToast();
  const id = ownId ?? slug(name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(
      { id, name, ...source, ...(model && { model }) },
      {
        onSuccess(camera) {
          tell(`${camera.name} is added`);
          go(`/cameras/${encodeURIComponent(camera.id)}`);
        },
      },
    );
  };
  return (
    <form className="card" onSubmit={submit}>
      <header>
        <h2>2. Its name</h2>
      </header>
      <div className="body stack">
        {!tested && (
          <Notice tone="warn">
            It did not answer. It can be added all the same, and is tried again and again.
          </Notice>
        )}
        <TextField
          label="Name"
          wrong={add.error?.at('name')}
          hint="What people call it"
          required
          value={name}
          onChange={setName}
        />
        <TextField
          label="Id"
          wrong={add.error?.at('id')}
          hint="Its name in events and files, for ever: a-z, 0-9, _ and -"
          required
          pattern="[a-z0-9_\-]{1,32}"
          value={id}
          onChange={setOwnId}
        />
        {(models.data?.length ?? 0) > 1 && (
          <Field label="Model" wrong={add.error?.at('model')}>
            {(props) => (
              <select {...props} value={model} onChange={(event) => setModel(event.target.value)}>
                <option value="">The default</option>
                {models.data?.map((known) => (
                  <option key={known.name}>{known.name}</option>
                ))}
              </select>
            )}
          </Field>
        )}
        <ProblemNotice problem={add.error} />
        <div className="row end">
          <button type="submit" className="button primary" disabled={add.isPending}>
            <Icon name="plus" /> Add the camera
          </button>
        </div>
      </div>
    </form>
  );
}
