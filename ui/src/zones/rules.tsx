// The list of a camera's zones and lines, and the settings of the one that is selected.

import type { Dispatch } from 'react';
import type { Anchor, Direction } from '../api/types';
import { Icon } from '../components/icon';
import { Choices, Field, TextField } from '../components/parts';
import { type Action, type Drawing, fault, type Shape } from './shapes';

interface RulesProps {
  drawing: Drawing;
  dispatch: Dispatch<Action>;
  /** The names that the camera's model knows. */
  classes: string[];
  readOnly: boolean;
}

export function Rules({ drawing, dispatch, classes, readOnly }: RulesProps) {
  const { shapes, selected } = drawing;
  const shape = shapes.find(({ key }) => key === selected);
  if (shapes.length === 0) {
    return (
      <p className="muted">
        No zones or lines yet. Without any, everything that is tracked becomes an event
        {readOnly ? '.' : '; draw one to be told only of what matters.'}
      </p>
    );
  }
  return (
    <div className="stack">
      <ul className="rules" aria-label="Zones and lines">
        {shapes.map(({ key, kind, name }) => (
          <li key={key}>
            <button
              type="button"
              className="place"
              aria-current={key === selected ? 'page' : undefined}
              onClick={() => dispatch({ type: 'select', key })}
            >
              <Icon name={kind} /> {name || 'without a name'}
            </button>
          </li>
        ))}
      </ul>
      {shape && (
        <RuleForm
          shape={shape}
          wrong={fault(shape, shapes)}
          classes={[...new Set([...classes, ...shape.classes])]}
          readOnly={readOnly}
          change={(change) => dispatch({ type: 'change', key: shape.key, change })}
          remove={() => dispatch({ type: 'remove', key: shape.key })}
        />
      )}
    </div>
  );
}

interface RuleFormProps {
  shape: Shape;
  wrong: string | null;
  classes: string[];
  readOnly: boolean;
  change(change: Partial<Omit<Shape, 'key' | 'kind' | 'points'>>): void;
  remove(): void;
}

function RuleForm({ shape, wrong, classes, readOnly, change, remove }: RuleFormProps) {
  return (
    <fieldset className="stack" disabled={readOnly}>
      <TextField
        label="Name"
        wrong={wrong ?? undefined}
        hint="Its name in events"
        value={shape.name}
        onChange={(name) => change({ name })}
      />
      <ClassChoice
        classes={classes}
        chosen={shape.classes}
        disabled={readOnly}
        onChange={(chosen) => change({ classes: chosen })}
      />
      {shape.kind === 'zone' ? (
        <ZoneFields shape={shape} change={change} />
      ) : (
        <Field label="Crossings that count" hint="Seen by someone who walks from its first point to its last">
          {(props) => (
            <select
              {...props}
              value={shape.direction}
              onChange={(event) => change({ direction: event.target.value as Direction })}
            >
              <option value="both">Both ways</option>
              <option value="left_to_right">From left to right</option>
              <option value="right_to_left">From right to left</option>
            </select>
          )}
        </Field>
      )}
      <TextField
        label="Schedule"
        hint={'Always, if empty. “Mon-Fri 18:00-06:00, Sat-Sun”'}
        value={shape.schedule}
        onChange={(schedule) => change({ schedule })}
      />
      {!readOnly && (
        <div className="row end">
          <button type="button" className="button danger" onClick={remove}>
            <Icon name="trash" /> Remove this {shape.kind}
          </button>
        </div>
      )}
    </fieldset>
  );
}

/** Models know up to hundreds of classes; these are what most rules are about. */
const COMMON = ['person', 'bicycle', 'car', 'motorcycle', 'bus', 'truck', 'van', 'dog', 'cat'];
const FEW = 12;

interface ClassChoiceProps {
  classes: string[];
  chosen: string[];
  disabled: boolean;
  onChange(chosen: string[]): void;
}

function ClassChoice({ classes, chosen, disabled, onChange }: ClassChoiceProps) {
  const isLong = classes.length > FEW;
  const shown = isLong ? classes.filter((name) => COMMON.includes(name) || chosen.includes(name)) : classes;
  const rest = classes.filter((name) => !shown.includes(name));
  return (
    <div className="stack tight">
      <Choices label="What counts" options={shown} chosen={chosen} disabled={disabled} onChange={onChange} />
      {rest.length > 0 && !disabled && (
        <select
          className="input"
          aria-label="Another class"
          value=""
          onChange={(event) => onChange([...chosen, event.target.value])}
        >
          <option value="">Another class…</option>
          {rest.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      {chosen.length === 0 && <span className="muted small">Everything, as long as none is chosen.</span>}
    </div>
  );
}

function ZoneFields({ shape, change }: Pick<RuleFormProps, 'shape' | 'change'>) {
  return (
    <>
      <Field
        label="What must be inside"
        hint={
          shape.anchor === 'foot'
            ? 'The middle of the lower edge of its box: where it stands'
            : 'A tenth of its box: for walls, fences, and cameras that look straight down'
        }
      >
        {(props) => (
          <select
            {...props}
            value={shape.anchor}
            onChange={(event) => change({ anchor: event.target.value as Anchor })}
          >
            <option value="foot">Its foot</option>
            <option value="overlap">Any part of it</option>
          </select>
        )}
      </Field>
      <div className="pair tight">
        <TextField
          label="Minimum stay"
          hint="“2s”, “1m 30s”"
          value={shape.min_stay}
          onChange={(min_stay) => change({ min_stay })}
        />
        <TextField
          label="Over after"
          hint="Gone that long"
          value={shape.leave_after}
          onChange={(leave_after) => change({ leave_after })}
        />
      </div>
    </>
  );
}
