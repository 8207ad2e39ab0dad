// A new password, entered twice.

import { passwordFault, SHORTEST } from '../lib/password';
import { TextField } from './parts';

interface NewPasswordProps {
  password: string;
  again: string;
  wrong?: string | undefined;
  onChange(change: { password?: string; again?: string }): void;
}

export function NewPassword({ password, again, wrong, onChange }: NewPasswordProps) {
  const fault = passwordFault(password, again);
  const isShort = password !== '' && password.length < SHORTEST;
  return (
    <>
      <TextField
        label="New password"
        wrong={wrong ?? (isShort ? fault : undefined)}
        hint={`At least ${SHORTEST} characters`}
        required
        type="password"
        autoComplete="new-password"
        minLength={SHORTEST}
        value={password}
        onChange={(password) => onChange({ password })}
      />
      <TextField
        label="New password again"
        wrong={isShort ? undefined : fault}
        required
        type="password"
        autoComplete="new-password"
        value={again}
        onChange={(again) => onChange({ again })}
      />
    </>
  );
}
