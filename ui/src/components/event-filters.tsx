// What the list of events is narrowed by.

import { useLocation, useSearch } from 'wouter';
import type { EventFilter } from '../api/events';
import { useCameras, useModels } from '../api/queries';
import { isFiltered, readPeriod, withChoice } from '../lib/event-filter';
import { capital } from '../lib/format';
import { Icon } from './icon';

export function EventFilters({ filter }: { filter: EventFilter }) {
  const search = useSearch();
  const [location, go] = useLocation();
  const cameras = useCameras();
  const models = useModels();
  const choose = (name: string, value: string) =>
    go(`${location}${withChoice(search, name, value)}`, { replace: true });
  const classes = [...new Set(models.data?.flatMap((model) => model.classes))];
  const cameraNames = cameras.data?.map(({ id, name }) => [id, name] as const) ?? [];
  return (
    <search className="filters">
      <Choice
        label="Review"
        name="review"
        value={filter.review}
        choose={choose}
        all="Any review"
        options={REVIEWS}
      />
      <Choice
        label="Camera"
        name="camera"
        value={filter.camera}
        choose={choose}
        all="All cameras"
        options={cameraNames}
      />
      <Choice label="Kind" name="kind" value={filter.kind} choose={choose} all="All kinds" options={KINDS} />
      <Choice
        label="Class"
        name="class"
        value={filter.class}
        choose={choose}
        all="All classes"
        options={classes.map((name) => [name, capital(name)])}
      />
      <Choice
        label="Time"
        name="period"
        value={readPeriod(search)}
        choose={choose}
        all="Any time"
        options={TIMES}
      />
      {isFiltered(filter) && (
        <button type="button" className="button quiet" onClick={() => go(location, { replace: true })}>
          <Icon name="close" /> Clear
        </button>
      )}
    </search>
  );
}

const REVIEWS = [
  ['new', 'New'],
  ['confirmed', 'Confirmed'],
  ['dismissed', 'Dismissed'],
] as const;

const KINDS = [
  ['intrusion', 'Intrusion'],
  ['line_crossing', 'Line crossing'],
  ['track', 'Seen'],
] as const;

const TIMES = [
  ['hour', 'Last hour'],
  ['day', 'Last 24 hours'],
  ['week', 'Last 7 days'],
] as const;

interface ChoiceProps {
  label: string;
  name: string;
  value: string | undefined;
  all: string;
  options: readonly (readonly [value: string, label: string])[];
  choose(name: string, value: string): void;
}

function Choice({ label, name, value, all, options, choose }: ChoiceProps) {
  // A choice that is not known here, of a camera that is gone, still shows.
  const known =
    !value || options.some(([option]) => option === value) ? options : [...options, [value, value] as const];
  return (
    <select
      className={`input ${value ? 'set' : ''}`}
      aria-label={label}
      value={value ?? ''}
      onChange={(event) => choose(name, event.target.value)}
    >
      <option value="">{all}</option>
      {known.map(([option, text]) => (
        <option key={option} value={option}>
          {text}
        </option>
      ))}
    </select>
  );
}
