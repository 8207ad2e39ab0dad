// Signing in.

import { type FormEvent, useState } from 'react';
import { useSignIn } from '../api/queries';
import { Door } from '../components/door';
import { ProblemNotice, TextField } from '../components/parts';
import { useTitle } from '../lib/hooks';

export function SignInPage() {
  useTitle('Sign in');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate({ name, password });
  };
  return (
    <Door title="Sign in">
      <form className="stack" onSubmit={submit}>
        <ProblemNotice problem={signIn.error} />
        <TextField
          label="Name"
          required
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={name}
          onChange={setName}
        />
        <TextField
          label="Password"
          required
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
        />
        <button type="submit" className="button primary wide" disabled={signIn.isPending}>
          {signIn.isPending ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </Door>
  );
}
