// A new password, entered twice.

import { passwordFault, SHORTEST } from '../lib/password';
import { Field } from './parts';

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
      <Field
        label="New password"
        wrong={wrong ?? (isShort ? fault : undefined)}
        hint={`At least ${SHORTEST} characters`}
      >
        {(props) => (
          <input
            {...props}
            required
            type="password"
            autoComplete="new-password"
            minLength={SHORTEST}
            value={password}
            onChange={(event) => onChange({ password: event.target.value })}
          />
        )}
      </Field>
      <Field label="New password again" wrong={isShort ? undefined : fault}>
        {(props) => (
          <input
            {...props}
            required
            type="password"
            autoComplete="new-password"
            value={again}
            onChange={(event) => onChange({ again: event.target.value })}
          />
        )}
      </Field>
    </>
  );
}
