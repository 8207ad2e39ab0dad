// Which cameras a user or token may see: all, or some.

import { useCameras } from '../api/queries';
import { Choices } from './parts';

interface CameraLimitProps {
  chosen: string[] | null;
  onChange(chosen: string[] | null): void;
}

export function CameraLimit({ chosen, onChange }: CameraLimitProps) {
  const cameras = useCameras();
  const ids = [...new Set([...(cameras.data?.map(({ id }) => id) ?? []), ...(chosen ?? [])])];
  return (
    <div className="stack tight">
      <label className="check">
        <input
          type="checkbox"
          checked={chosen === null}
          onChange={(event) => onChange(event.target.checked ? null : [])}
        />
        All cameras, also those to come
      </label>
      {chosen !== null && (
        <Choices label="Only these cameras" options={ids} chosen={chosen} onChange={onChange} />
      )}
    </div>
  );
}

export function describeLimit(cameras: string[] | null): string {
  if (cameras === null) return 'all cameras';
  return cameras.length === 0 ? 'no camera' : cameras.join(', ');
}
