// Zones and lines drawn on a camera's picture with a mouse, a finger or the keyboard.

import { type Dispatch, type PointerEvent, useRef, useState } from 'react';
import type { Point } from '../api/types';
import { Icon } from '../components/icon';
import { useKeys } from '../lib/hooks';
import { Picture } from './picture';
import { ShapeView } from './shape-view';
import { type Action, type Drawing, FEWEST, type Kind } from './shapes';
import { type Size, useSize } from './size';

interface EditorProps {
  camera: string;
  drawing: Drawing;
  dispatch: Dispatch<Action>;
  readOnly: boolean;
}

/** What the pointer holds: a point of a shape, or all of it. */
export type Grip = { key: number; index: number } | { key: number; index: null; last: Point };

/** How near to its first corner a click closes a zone, in CSS pixels. */
const NEAR = 14;

export function ZoneEditor({ camera, drawing, dispatch, readOnly }: EditorProps) {
  const board = useRef<SVGSVGElement>(null);
  const size = useSize(board);
  const grip = useRef<Grip | null>(null);
  const [hover, setHover] = useState<Point | null>(null);
  const [take, setTake] = useState(0);
  const { draft, shapes, selected } = drawing;
  const whileDrawing = (type: 'finish' | 'cancel' | 'undo') => () => dispatch({ type });
  useKeys(
    draft
      ? { Enter: whileDrawing('finish'), Escape: whileDrawing('cancel'), Backspace: whileDrawing('undo') }
      : {},
  );

  const at = (event: PointerEvent): Point => {
    const frame = board.current?.getBoundingClientRect();
    if (!frame) return [0, 0];
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
  };
  const hold = (taken: Grip, event: PointerEvent) => {
    grip.current = taken;
    board.current?.setPointerCapture(event.pointerId);
    dispatch({ type: 'select', key: taken.key });
  };
  const press = (event: PointerEvent) => {
    if (draft && event.button === 0) dispatch(drawTo(draft, at(event), size));
    else if (event.target === board.current) dispatch({ type: 'select', key: null });
  };
  const move = (event: PointerEvent) => {
    if (draft) setHover(at(event));
    const held = grip.current;
    if (!held) return;
    const now = at(event);
    if (held.index !== null) {
      dispatch({ type: 'move', key: held.key, index: held.index, to: now });
      return;
    }
    dispatch({ type: 'shift', key: held.key, by: [now[0] - held.last[0], now[1] - held.last[1]] });
    grip.current = { ...held, last: now };
  };

  return (
    <div className="editor">
      <Tools draft={draft} dispatch={dispatch} readOnly={readOnly} retake={() => setTake(take + 1)} />
      <div className="board">
        <Picture camera={camera} take={take} />
        <svg
          ref={board}
          role="group"
          aria-label="Zones and lines on the picture"
          className={draft ? 'drawing' : ''}
          onPointerDown={press}
          onPointerMove={move}
          onPointerUp={() => {
            grip.current = null;
          }}
          onPointerLeave={() => setHover(null)}
          onDoubleClick={() => dispatch({ type: 'finish' })}
        >
          {shapes.map((shape) => (
            <ShapeView
              key={shape.key}
              shape={shape}
              size={size}
              selected={shape.key === selected}
              editable={!readOnly && !draft}
              dispatch={dispatch}
              at={at}
              hold={hold}
            />
          ))}
          {draft && <Draft draft={draft} hover={hover} size={size} />}
        </svg>
      </div>
    </div>
  );
}

/** A click while drawing: one more point, or the end at the first corner. */
function drawTo(draft: NonNullable<Drawing['draft']>, at: Point, size: Size): Action {
  const isNear = (point: Point | undefined, limit: number) =>
    point !== undefined &&
    Math.hypot((point[0] - at[0]) * size.width, (point[1] - at[1]) * size.height) < limit;
  const closes = draft.kind === 'zone' && draft.points.length >= FEWEST.zone && isNear(draft.points[0], NEAR);
  // The second half of a double click.
  const repeats = isNear(draft.points.at(-1), 4) && draft.points.length >= FEWEST[draft.kind];
  return closes || repeats ? { type: 'finish' } : { type: 'point', at };
}

interface ToolsProps {
  draft: Drawing['draft'];
  dispatch: Dispatch<Action>;
  readOnly: boolean;
  retake(): void;
}

function Tools({ draft, dispatch, readOnly, retake }: ToolsProps) {
  if (!draft) {
    const begin = (kind: Kind) => () => dispatch({ type: 'begin', kind });
    return (
      <div className="row tools">
        {!readOnly && (
          <>
            <button type="button" className="button" onClick={begin('zone')}>
              <Icon name="zone" /> Draw a zone
            </button>
            <button type="button" className="button" onClick={begin('line')}>
              <Icon name="line" /> Draw a line
            </button>
          </>
        )}
        <button type="button" className="button quiet" onClick={retake}>
          <Icon name="refresh" /> New picture
        </button>
      </div>
    );
  }
  const isEnough = draft.points.length >= FEWEST[draft.kind];
  return (
    <div className="row tools">
      <span className="small" role="status">
        {draft.kind === 'zone'
          ? 'Click its corners on the picture; click the first one again to close it.'
          : 'Click its points on the picture; double-click the last.'}
      </span>
      <button
        type="button"
        className="button primary"
        disabled={!isEnough}
        onClick={() => dispatch({ type: 'finish' })}
      >
        Finish
      </button>
      <button type="button" className="button" onClick={() => dispatch({ type: 'preset' })}>
        {draft.kind === 'zone' ? 'Put a rectangle' : 'Put a straight line'}
      </button>
      <button type="button" className="button quiet" onClick={() => dispatch({ type: 'cancel' })}>
        Cancel
      </button>
    </div>
  );
}

interface DraftProps {
  draft: NonNullable<Drawing['draft']>;
  hover: Point | null;
  size: Size;
}

function Draft({ draft, hover, size }: DraftProps) {
  const points = hover ? [...draft.points, hover] : draft.points;
  const place = ([x, y]: Point) => `${x * size.width},${y * size.height}`;
  return (
    <g className="draft">
      <polyline points={points.map(place).join(' ')} className={draft.kind} />
      {draft.points.map(([x, y], index) => (
        <circle
          key={`${x},${y}`}
          cx={x * size.width}
          cy={y * size.height}
          r={index === 0 ? 7 : 5}
          className={index === 0 ? 'first' : ''}
        />
      ))}
    </g>
  );
}
