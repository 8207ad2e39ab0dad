// The people who may sign in, and what they may do.

import { type FormEvent, useState } from 'react';
import { useAddUser, useChangeUser, useRemoveUser, useUsers } from '../api/queries';
import type { Role, User } from '../api/types';
import { CameraLimit, describeLimit } from '../components/camera-limit';
import { Icon } from '../components/icon';
import { Confirm, Dialog, Field, Loaded, ProblemNotice, Skeleton, TextField } from '../components/parts';
import { useUser } from '../components/session';
import { Page } from '../components/shell';
import { useToast } from '../components/toast';
import { formatMoment } from '../lib/format';
import { useTitle } from '../lib/hooks';
import { SHORTEST } from '../lib/password';

const ROLES: [role: Role, name: string, may: string][] = [
  ['viewer', 'Viewer', 'watches'],
  ['operator', 'Operator', 'watches and judges alarms'],
  ['admin', 'Administrator', 'may do everything'],
];

export const roleName = (role: Role) => ROLES.find(([known]) => known === role)?.[1] ?? role;

type Open = { kind: 'add' } | { kind: 'change' | 'remove'; user: User } | null;

export function UsersPage() {
  useTitle('Users');
  const users = useUsers();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  return (
    <Page
      narrow
      title={<h1>Users</h1>}
      actions={
        <button type="button" className="button primary" onClick={() => setOpen({ kind: 'add' })}>
          <Icon name="plus" /> Add a user
        </button>
      }
    >
      <div className="card">
        <Loaded query={users} waiting={<Skeleton height="8rem" />}>
          {(users) => (
            <ul className="entries">
              {users.map((user) => (
                <UserRow key={user.name} user={user} open={setOpen} />
              ))}
            </ul>
          )}
        </Loaded>
      </div>
      {open?.kind === 'add' && <AddUser onClose={close} />}
      {open?.kind === 'change' && <ChangeUser user={open.user} onClose={close} />}
      {open?.kind === 'remove' && <RemoveUser user={open.user} onClose={close} />}
    </Page>
  );
}

function UserRow({ user, open }: { user: User; open(open: Open): void }) {
  const isMe = useUser().name === user.name;
  return (
    <li className="entry">
      <div>
        <div className="name">
          <strong>{user.name}</strong> {isMe && <span className="badge plain">you</span>}
        </div>
        <div className="muted small">
          {roleName(user.role)}, {describeLimit(user.cameras)}, since {formatMoment(user.created)}
        </div>
      </div>
      <div className="row">
        <button type="button" className="button" onClick={() => open({ kind: 'change', user })}>
          Change<span className="visually-hidden"> {user.name}</span>
        </button>
        <button
          type="button"
          className="button danger icon-only"
          aria-label={`Remove ${user.name}`}
          disabled={isMe}
          onClick={() => open({ kind: 'remove', user })}
        >
          <Icon name="trash" />
        </button>
      </div>
    </li>
  );
}

function AddUser({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [rights, setRights] = useState<Rights>({ role: 'viewer', cameras: null });
  const add = useAddUser();
  const tell = useToast();
  const done = () => {
    tell(`${name} may sign in`);
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate({ name, password, ...rights }, { onSuccess: done });
  };
  return (
    <Dialog title="Add a user" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <ProblemNotice problem={add.error} />
        <TextField
          label="Name"
          wrong={add.error?.at('name')}
          required
          autoComplete="off"
          spellCheck={false}
          value={name}
          onChange={setName}
        />
        <FirstPassword
          password={password}
          wrong={add.error?.at('password')}
          onChange={setPassword}
          required
        />
        <RightsFields rights={rights} onChange={setRights} />
        <div className="row end">
          <button type="submit" className="button primary" disabled={add.isPending}>
            Add the user
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function ChangeUser({ user, onClose }: { user: User; onClose(): void }) {
  const [rights, setRights] = useState<Rights>({ role: user.role, cameras: user.cameras });
  const [password, setPassword] = useState('');
  const change = useChangeUser();
  const tell = useToast();
  const done = () => {
    tell(`${user.name} is changed`);
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ name: user.name, ...rights, ...(password && { password }) }, { onSuccess: done });
  };
  return (
    <Dialog title={`Change ${user.name}`} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <ProblemNotice problem={change.error} />
        <RightsFields rights={rights} onChange={setRights} />
        <FirstPassword password={password} wrong={change.error?.at('password')} onChange={setPassword} />
        <div className="row end">
          <button type="submit" className="button primary" disabled={change.isPending}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface FirstPasswordProps {
  password: string;
  wrong: string | undefined;
  required?: boolean;
  onChange(password: string): void;
}

function FirstPassword({ password, wrong, required = false, onChange }: FirstPasswordProps) {
  return (
    <TextField
      label={required ? 'First password' : 'New password'}
      wrong={wrong}
      hint={
        required
          ? `At least ${SHORTEST} characters; it can be changed after signing in`
          : 'Left empty, it stays as it is'
      }
      required={required}
      type="password"
      autoComplete="new-password"
      minLength={SHORTEST}
      value={password}
      onChange={onChange}
    />
  );
}

interface Rights {
  role: Role;
  cameras: string[] | null;
}

function RightsFields({ rights, onChange }: { rights: Rights; onChange(rights: Rights): void }) {
  return (
    <>
      <Field label="Role">
        {(props) => (
          <select
            {...props}
            value={rights.role}
            onChange={(event) => onChange({ ...rights, role: event.target.value as Role })}
          >
            {ROLES.map(([role, name, may]) => (
              <option key={role} value={role}>
                {name}: {may}
              </option>
            ))}
          </select>
        )}
      </Field>
      <CameraLimit chosen={rights.cameras} onChange={(cameras) => onChange({ ...rights, cameras })} />
    </>
  );
}

function RemoveUser({ user, onClose }: { user: User; onClose(): void }) {
  const remove = useRemoveUser();
  return (
    <Confirm
      title={`Remove ${user.name}?`}
      action="Remove"
      pending={remove.isPending}
      problem={remove.error}
      onConfirm={() => remove.mutate(user.name, { onSuccess: onClose })}
      onClose={onClose}
    >
      Signed out at once, everywhere, and not let in again.
    </Confirm>
  );
}
