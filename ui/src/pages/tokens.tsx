// Tokens for programs that talk to the API.

import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { useAddToken, useRemoveToken, useTokens } from '../api/queries';
import type { Scope, Token } from '../api/types';
import { CameraLimit, describeLimit } from '../components/camera-limit';
import { Icon } from '../components/icon';
import {
  Choices,
  Confirm,
  Dialog,
  Loaded,
  Nothing,
  Notice,
  ProblemNotice,
  Skeleton,
  TextField,
} from '../components/parts';
import { Page } from '../components/shell';
import { formatMoment } from '../lib/format';
import { useTitle } from '../lib/hooks';

const SCOPES: readonly Scope[] = ['view', 'operate', 'admin', 'metrics', 'infer'];

export function TokensPage() {
  useTitle('API tokens');
  const tokens = useTokens();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Token | null>(null);
  return (
    <Page
      narrow
      title={<h1>API tokens</h1>}
      actions={
        <button type="button" className="button primary" onClick={() => setAdding(true)}>
          <Icon name="plus" /> Make a token
        </button>
      }
    >
      <p className="muted">
        For programs that ask <Link href="/reference">the API</Link>, in a header{' '}
        <code>Authorization: Bearer iris_…</code>
      </p>
      <div className="card">
        <Loaded query={tokens} waiting={<Skeleton height="8rem" />}>
          {(tokens) =>
            tokens.length > 0 ? (
              <ul className="entries">
                {tokens.map((token) => (
                  <TokenRow key={token.id} token={token} remove={() => setRemoving(token)} />
                ))}
              </ul>
            ) : (
              <Nothing icon="key" title="No tokens yet">
                <p>Make one for each program, so that one can be taken back without the others.</p>
              </Nothing>
            )
          }
        </Loaded>
      </div>
      {adding && <AddToken onClose={() => setAdding(false)} />}
      {removing && <RemoveToken token={removing} onClose={() => setRemoving(null)} />}
    </Page>
  );
}

function TokenRow({ token, remove }: { token: Token; remove(): void }) {
  return (
    <li className="entry">
      <div>
        <strong>{token.name}</strong>
        <div className="muted small">
          {token.scopes.join(', ')}; {describeLimit(token.cameras)};{' '}
          {token.last_used ? `last used ${formatMoment(token.last_used)}` : 'never used'}
        </div>
      </div>
      <button type="button" className="button danger" onClick={remove}>
        Take back<span className="visually-hidden"> {token.name}</span>
      </button>
    </li>
  );
}

function AddToken({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>(['view']);
  const [cameras, setCameras] = useState<string[] | null>(null);
  const add = useAddToken();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate({ name, scopes: SCOPES.filter((scope) => scopes.includes(scope)), cameras });
  };
  if (add.data) {
    return (
      <Dialog title="The new token" onClose={onClose}>
        <div className="stack">
          <Notice tone="warn">It is shown only this once. Copy it to where it is needed.</Notice>
          <code className="secret">{add.data.secret}</code>
          <div className="row end">
            <button
              type="button"
              className="button"
              onClick={() => void navigator.clipboard?.writeText(add.data.secret)}
            >
              Copy
            </button>
            <button type="button" className="button primary" onClick={onClose}>
              Done
            </button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Make a token" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <ProblemNotice problem={add.error} />
        <TextField
          label="Name"
          wrong={add.error?.at('name')}
          hint="What it is for"
          required
          value={name}
          onChange={setName}
        />
        <Choices label="What it may do" options={SCOPES} chosen={scopes} onChange={setScopes} />
        <CameraLimit chosen={cameras} onChange={setCameras} />
        <div className="row end">
          <button type="submit" className="button primary" disabled={add.isPending || scopes.length === 0}>
            Make it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveToken({ token, onClose }: { token: Token; onClose(): void }) {
  const remove = useRemoveToken();
  return (
    <Confirm
      title={`Take ${token.name} back?`}
      action="Take back"
      pending={remove.isPending}
      problem={remove.error}
      onConfirm={() => remove.mutate(token.id, { onSuccess: onClose })}
      onClose={onClose}
    >
      The program that uses it is refused from now on.
    </Confirm>
  );
}
