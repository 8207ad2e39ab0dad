// The first start: whoever has the one-time token makes the first administrator.

import { type FormEvent, useState } from 'react';
import { useSetup } from '../api/queries';
import { Door } from '../components/door';
import { NewPassword } from '../components/new-password';
import { ProblemNotice, TextField } from '../components/parts';
import { useTitle } from '../lib/hooks';
import { passwordFault } from '../lib/password';

/** The token stands behind `#`, so that it never reaches the server's log or another site. */
const tokenOfAddress = () => new URLSearchParams(window.location.hash.slice(1)).get('token') ?? '';

export function SetupPage() {
  useTitle('Set up');
  const [token, setToken] = useState(tokenOfAddress);
  const [hadToken] = useState(token !== '');
  const [name, setName] = useState('admin');
  const [secret, setSecret] = useState({ password: '', again: '' });
  const setup = useSetup();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (passwordFault(secret.password, secret.again)) return;
    setup.mutate({ token, name, password: secret.password });
  };
  return (
    <Door title="Welcome">
      <p className="muted">Make the first account. It is an administrator and can add others.</p>
      <form className="stack" onSubmit={submit}>
        <ProblemNotice problem={setup.error} />
        {!hadToken && (
          <TextField
            label="Set-up token"
            hint="Iris printed it when it started; it is also in the file setup-token of its store"
            required
            autoComplete="off"
            spellCheck={false}
            value={token}
            onChange={(value) => setToken(value.trim())}
          />
        )}
        <TextField
          label="Name"
          wrong={setup.error?.at('name')}
          required
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={name}
          onChange={setName}
        />
        <NewPassword
          {...secret}
          wrong={setup.error?.at('password')}
          onChange={(change) => setSecret({ ...secret, ...change })}
        />
        <button type="submit" className="button primary wide" disabled={setup.isPending}>
          {setup.isPending ? 'Making the account…' : 'Make the account'}
        </button>
      </form>
    </Door>
  );
}
