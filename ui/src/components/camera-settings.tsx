// A camera's settings; only what was changed is sent.

import { type FormEvent, useState } from 'react';
import { useChangeCamera, useModels } from '../api/queries';
import type { Camera, CameraPatch, Gate, Tracker, Transport } from '../api/types';
import { Field, ProblemNotice, TextField } from './parts';
import { useToast } from './toast';

interface CameraSettingsProps {
  camera: Camera;
  readOnly: boolean;
}

export function CameraSettings({ camera, readOnly }: CameraSettingsProps) {
  const [patch, setPatch] = useState<CameraPatch>({});
  const models = useModels();
  const change = useChangeCamera(camera.id);
  const tell = useToast();
  const set = (values: CameraPatch) => setPatch({ ...patch, ...values });
  const wrong = (path: string) => change.error?.at(path);
  const isChanged = Object.keys(patch).length > 0;
  const modelNames = new Set([camera.model, ...(models.data?.map(({ name }) => name) ?? [])]);
  const save = (event: FormEvent) => {
    event.preventDefault();
    change.mutate(patch, {
      onSuccess() {
        setPatch({});
        tell('Settings are saved');
      },
    });
  };
  return (
    <form className="card" aria-label="Settings" onSubmit={save}>
      <header>
        <h2>Settings</h2>
        {isChanged && (
          <div className="row">
            <button type="button" className="button" onClick={() => setPatch({})}>
              Discard
            </button>
            <button type="submit" className="button primary" disabled={change.isPending}>
              Save
            </button>
          </div>
        )}
      </header>
      <fieldset className="body stack" disabled={readOnly}>
        <ProblemNotice problem={change.error} />
        <label className="check">
          <input
            type="checkbox"
            checked={patch.enabled ?? camera.enabled}
            onChange={(event) => set({ enabled: event.target.checked })}
          />
          Watch this camera
        </label>
        <TextField
          label="Name"
          wrong={wrong('name')}
          value={patch.name ?? camera.name}
          onChange={(name) => set({ name })}
        />
        <TextField
          label="Address"
          wrong={wrong('url')}
          hint={readOnly ? undefined : 'Where *** stays, the password stays'}
          required
          value={patch.url ?? camera.url}
          autoComplete="off"
          spellCheck={false}
          onChange={(url) => set({ url })}
        />
        <div className="pair">
          <Field label="Model" wrong={wrong('model')}>
            {(props) => (
              <select
                {...props}
                value={patch.model ?? camera.model}
                onChange={(event) => set({ model: event.target.value })}
              >
                {[...modelNames].map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Transport" wrong={wrong('transport')}>
            {(props) => (
              <select
                {...props}
                value={patch.transport ?? camera.transport}
                onChange={(event) => set({ transport: event.target.value as Transport })}
              >
                <option value="tcp">TCP</option>
                <option value="udp">UDP, for quiet networks</option>
              </select>
            )}
          </Field>
          <Field label="Tracker" wrong={wrong('tracker')}>
            {(props) => (
              <select
                {...props}
                value={patch.tracker ?? camera.tracker}
                onChange={(event) => set({ tracker: event.target.value as Tracker })}
              >
                <option value="ocsort">OC-SORT</option>
                <option value="bytetrack">ByteTrack</option>
              </select>
            )}
          </Field>
          <Field label="Looks" wrong={wrong('gate')}>
            {(props) => (
              <select
                {...props}
                value={patch.gate ?? camera.gate}
                onChange={(event) => set({ gate: event.target.value as Gate })}
              >
                <option value="motion">Where something moves</option>
                <option value="sizes">Where something moves, by sizes where they tell</option>
                <option value="off">Always</option>
              </select>
            )}
          </Field>
          <Field label="Looks a second, at most" wrong={wrong('rate')}>
            {(props) => (
              <input
                {...props}
                type="number"
                min="0.01"
                max="120"
                step="any"
                value={patch.rate ?? camera.rate}
                onChange={(event) => set({ rate: event.target.valueAsNumber })}
              />
            )}
          </Field>
        </div>
      </fieldset>
    </form>
  );
}
