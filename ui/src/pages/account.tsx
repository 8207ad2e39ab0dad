// One's own account: a new password.

import { type FormEvent, useState } from 'react';
import { useChangePassword } from '../api/queries';
import { NewPassword } from '../components/new-password';
import { ProblemNotice, TextField } from '../components/parts';
import { Page } from '../components/shell';
import { useToast } from '../components/toast';
import { useTitle } from '../lib/hooks';
import { passwordFault } from '../lib/password';

const EMPTY = { old: '', password: '', again: '' };

export function AccountPage() {
  useTitle('Change password');
  const [values, setValues] = useState(EMPTY);
  const change = useChangePassword();
  const tell = useToast();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (passwordFault(values.password, values.again)) return;
    change.mutate(
      { old: values.old, new: values.password },
      {
        onSuccess() {
          setValues(EMPTY);
          tell('The password is changed');
        },
      },
    );
  };
  return (
    <Page narrow title={<h1>Change password</h1>}>
      <form className="card small-form" onSubmit={submit}>
        <div className="body stack">
          <ProblemNotice problem={change.error} />
          <TextField
            label="Present password"
            required
            type="password"
            autoComplete="current-password"
            value={values.old}
            onChange={(old) => setValues({ ...values, old })}
          />
          <NewPassword {...values} onChange={(change) => setValues({ ...values, ...change })} />
          <div className="row end">
            <button type="submit" className="button primary" disabled={change.isPending}>
              Change it
            </button>
          </div>
        </div>
      </form>
    </Page>
  );
}
