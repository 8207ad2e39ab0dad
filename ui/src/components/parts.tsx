// The parts that forms and pages are made of. Each is a thin name for a class of styles/parts.css.

import { type ComponentProps, type ReactNode, useEffect, useId, useRef } from 'react';
import type { Problem } from '../api/client';
import type { Camera, CameraState } from '../api/types';
import { formatDuration, stateName } from '../lib/format';
import { Icon, type IconName } from './icon';

interface FieldProps {
  label: string;
  hint?: ReactNode;
  wrong?: string | undefined;
  children(props: {
    id: string;
    className: 'input';
    'aria-invalid': boolean;
    'aria-describedby': string | undefined;
  }): ReactNode;
}

/** A labelled field with its hint, or with what is wrong with it. */
export function Field({ label, hint, wrong, children }: FieldProps) {
  const id = useId();
  const note = `${id}-note`;
  const described = wrong || hint ? note : undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, className: 'input', 'aria-invalid': Boolean(wrong), 'aria-describedby': described })}
      {wrong ? (
        <span className="wrong" id={note}>
          {wrong}
        </span>
      ) : (
        hint && (
          <span className="hint" id={note}>
            {hint}
          </span>
        )
      )}
    </div>
  );
}

interface TextFieldProps extends Omit<ComponentProps<'input'>, 'onChange'>, Omit<FieldProps, 'children'> {
  onChange(value: string): void;
}

/** A labelled line of text. */
export function TextField({ label, hint, wrong, onChange, ...input }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} wrong={wrong}>
      {(props) => <input {...props} {...input} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}

export type Tone = 'ok' | 'warn' | 'danger' | 'accent' | '';

const TONES: Record<CameraState, Tone> = {
  live: 'ok',
  connecting: 'accent',
  stalled: 'warn',
  offline: 'danger',
  auth_failed: 'danger',
  failed: 'danger',
  ended: '',
  disabled: '',
};

export function StateBadge({ state, error }: { state: CameraState; error?: string | null }) {
  return (
    <span className={`badge ${TONES[state] ?? ''}`} title={error ?? undefined}>
      {stateName(state)}
    </span>
  );
}

export function OriginBadge({ origin }: Pick<Camera, 'origin'>) {
  if (origin !== 'file') return null;
  return (
    <span className="badge plain" title="Set in the configuration file, and changed only there">
      From the file
    </span>
  );
}

interface NoticeProps {
  tone?: 'warn' | 'danger';
  icon?: IconName;
  children: ReactNode;
}

export function Notice({ tone, icon = tone ? 'warning' : 'info', children }: NoticeProps) {
  return (
    <div className={`notice ${tone ?? ''}`} role={tone === 'danger' ? 'alert' : undefined}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

/** What a failed request is told as, with every field that it names. */
export function ProblemNotice({ problem }: { problem: Problem | null }) {
  if (!problem) return null;
  return (
    <Notice tone="danger">
      {problem.message}
      {problem.errors.map(({ path, message }) => (
        <div key={`${path}${message}`} className="small">
          {path && <code>{path}</code>} {message}
        </div>
      ))}
      {problem.retryAfter && <div className="small">Try again in {formatDuration(problem.retryAfter)}.</div>}
    </Notice>
  );
}

interface NothingProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
}

/** An empty page or list, and what to do about it. */
export function Nothing({ icon, title, children }: NothingProps) {
  return (
    <div className="nothing">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

interface Loadable<T> {
  data: T | undefined;
  error: Problem | null;
  refetch(): unknown;
}

interface LoadedProps<T> {
  query: Loadable<T>;
  /** What holds the place meanwhile. */
  waiting: ReactNode;
  children(data: T): ReactNode;
}

/** What was asked for, or that it is awaited, or why it is not there. What is there stays while it is asked anew. */
export function Loaded<T>({ query, waiting, children }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (!query.error) return <div aria-busy="true">{waiting}</div>;
  return (
    <Nothing icon="warning" title={query.error.status === 404 ? 'Not found' : 'This could not be loaded'}>
      <p role="alert">{query.error.message}</p>
      <button type="button" className="button" onClick={() => query.refetch()}>
        <Icon name="refresh" /> Try again
      </button>
    </Nothing>
  );
}

interface DialogProps {
  title: string;
  onClose(): void;
  children: ReactNode;
}

/** A modal dialog, open as long as it is rendered. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <header>
        <h2 id={id}>{title}</h2>
        <button
          type="button"
          className="button quiet icon-only"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </header>
      <div className="body">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  action: string;
  pending: boolean;
  problem: Problem | null;
  onConfirm(): void;
  onClose(): void;
  children: ReactNode;
}

/** Asks before what cannot be taken back. */
export function Confirm({ title, action, pending, problem, onConfirm, onClose, children }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="stack">
        <div>{children}</div>
        <ProblemNotice problem={problem} />
        <div className="row end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button danger" disabled={pending} onClick={onConfirm}>
            {action}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

interface ChoicesProps {
  label: string;
  options: readonly string[];
  chosen: readonly string[];
  disabled?: boolean;
  onChange(chosen: string[]): void;
}

/** Several of a list, each a button that is pressed or not. */
export function Choices({ label, options, chosen, disabled = false, onChange }: ChoicesProps) {
  const toggle = (option: string) =>
    onChange(chosen.includes(option) ? chosen.filter((other) => other !== option) : [...chosen, option]);
  return (
    <fieldset disabled={disabled}>
      <legend>{label}</legend>
      <div className="chips">
        {options.map((option) => (
          <button
            key={option}
            type="button"
            className="chip"
            aria-pressed={chosen.includes(option)}
            onClick={() => toggle(option)}
          >
            {option}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

export function Skeleton({ height }: { height: string }) {
  return <div className="skeleton" style={{ height }} />;
}

/** What something is called, and what it is. */
export type Fact = [name: string, value: ReactNode];

/** What is known of something. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className="facts small">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
