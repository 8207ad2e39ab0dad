// One zone or line on the picture: its outline, its name, and grips on its points while it is selected.

import { type Dispatch, type KeyboardEvent, type PointerEvent, useRef } from 'react';
import type { Direction, Point } from '../api/types';
import type { Grip } from './editor';
import type { Action, Shape } from './shapes';
import type { Size } from './size';

interface ShapeViewProps {
  shape: Shape;
  size: Size;
  selected: boolean;
  editable: boolean;
  dispatch: Dispatch<Action>;
  at(event: PointerEvent): Point;
  hold(grip: Grip, event: PointerEvent): void;
}

export function ShapeView({ shape, size, selected, editable, dispatch, at, hold }: ShapeViewProps) {
  const place = ([x, y]: Point): Point => [x * size.width, y * size.height];
  const pixels = shape.points.map(place);
  const outline = pixels.map((point) => point.join(',')).join(' ');
  const press = (event: PointerEvent) => {
    if (!editable) return;
    event.stopPropagation();
    hold({ key: shape.key, index: null, last: at(event) }, event);
  };
  return (
    <g className={`shape ${shape.kind} ${selected ? 'selected' : ''}`}>
      {shape.kind === 'zone' ? (
        <polygon points={outline} onPointerDown={press} />
      ) : (
        <>
          <polyline points={outline} className="catch" onPointerDown={press} />
          <polyline points={outline} />
          <Arrows points={pixels} direction={shape.direction} />
        </>
      )}
      <Label shape={shape} points={pixels} width={size.width} />
      {selected && editable && (
        <Grips shape={shape} pixels={pixels} dispatch={dispatch} at={at} hold={hold} />
      )}
    </g>
  );
}

/** The name: in the middle of a zone, at the first point of a line, clear of its arrows and of the picture's edges. */
function Label({ shape, points, width }: { shape: Shape; points: Point[]; width: number }) {
  const middle = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [firstX, firstY] = points[0] ?? [0, 0];
  const [x, y] =
    shape.kind === 'zone' ? [middle(0), middle(1)] : [firstX, firstY > 40 ? firstY - 14 : firstY + 24];
  const anchor = x < width / 5 ? 'start' : x > (width * 4) / 5 ? 'end' : 'middle';
  return (
    <text x={Math.min(Math.max(x, 6), width - 6)} y={y} textAnchor={anchor} className="name">
      {shape.name}
    </text>
  );
}

/** Which crossings count, as arrows over the middle of the line. Left and right are those of who walks along it. */
function Arrows({ points, direction }: { points: Point[]; direction: Direction }) {
  const index = Math.floor((points.length - 1) / 2);
  const [from, to] = [points[index], points[index + 1]];
  if (!from || !to) return null;
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const [x, y] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  // To the right of the way, with y growing downwards.
  const right: Point = [-(to[1] - from[1]) / length, (to[0] - from[0]) / length];
  const arrow = (way: 1 | -1) => {
    const [dx, dy] = [right[0] * way, right[1] * way];
    const tip: Point = [x + dx * 30, y + dy * 30];
    const barb = (side: 1 | -1) => `${tip[0] - dx * 9 - dy * 6 * side},${tip[1] - dy * 9 + dx * 6 * side}`;
    return `M${x + dx * 6},${y + dy * 6}L${tip[0]},${tip[1]}M${barb(1)}L${tip[0]},${tip[1]}L${barb(-1)}`;
  };
  return (
    <path
      className="arrows"
      d={`${direction === 'right_to_left' ? '' : arrow(1)}${direction === 'left_to_right' ? '' : arrow(-1)}`}
    />
  );
}

interface GripsProps extends Pick<ShapeViewProps, 'shape' | 'dispatch' | 'at' | 'hold'> {
  pixels: Point[];
}

/** How far an arrow key moves a point, as a fraction of the picture; with shift five times that. */
const NUDGE = 0.005;
/** Milliseconds within which two taps on a point remove it. */
const DOUBLE = 350;
const ARROWS: Record<string, Point> = {
  ArrowLeft: [-NUDGE, 0],
  ArrowRight: [NUDGE, 0],
  ArrowUp: [0, -NUDGE],
  ArrowDown: [0, NUDGE],
};

function Grips({ shape, pixels, dispatch, at, hold }: GripsProps) {
  const { key, points, name } = shape;
  const press = (event: KeyboardEvent, index: number) => {
    const action = keyAction(event, shape, index);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    dispatch(action);
  };
  const add = (event: PointerEvent, index: number) => {
    event.stopPropagation();
    dispatch({ type: 'insert', key, index, at: at(event) });
    hold({ key, index }, event);
  };
  const tapped = useRef({ index: -1, at: 0 });
  const take = (event: PointerEvent, index: number) => {
    event.stopPropagation();
    if (event.button !== 0) return;
    const isDouble = tapped.current.index === index && event.timeStamp - tapped.current.at < DOUBLE;
    tapped.current = { index: isDouble ? -1 : index, at: event.timeStamp };
    if (isDouble) dispatch({ type: 'removePoint', key, index });
    else hold({ key, index }, event);
  };
  const between = shape.kind === 'zone' ? pixels.length : pixels.length - 1;
  return (
    <>
      {pixels.slice(0, between).map(([x, y], index) => {
        const [nextX, nextY] = pixels[(index + 1) % pixels.length] ?? [x, y];
        return (
          <circle
            // biome-ignore lint/suspicious/noArrayIndexKey: a point has no identity but its place
            key={index}
            className="between"
            cx={(x + nextX) / 2}
            cy={(y + nextY) / 2}
            r={5}
            onPointerDown={(event) => add(event, index + 1)}
          />
        );
      })}
      {pixels.map(([x, y], index) => (
        <g
          // biome-ignore lint/suspicious/noArrayIndexKey: a point has no identity but its place
          key={index}
          className="grip"
          role="button"
          tabIndex={0}
          aria-label={`Point ${index + 1} of ${points.length} of ${name}. Arrow keys move it, plus adds one after it, Delete removes it.`}
          onPointerDown={(event) => take(event, index)}
          onKeyDown={(event) => press(event, index)}
        >
          <circle className="reach" cx={x} cy={y} r={16} />
          <circle cx={x} cy={y} r={7} />
        </g>
      ))}
    </>
  );
}

function keyAction(event: KeyboardEvent, shape: Shape, index: number): Action | null {
  const { key, points } = shape;
  const point = points[index];
  const way = ARROWS[event.key];
  if (!point) return null;
  if (way) {
    const far = event.shiftKey ? 5 : 1;
    return { type: 'move', key, index, to: [point[0] + way[0] * far, point[1] + way[1] * far] };
  }
  if (event.key === 'Delete' || event.key === 'Backspace') return { type: 'removePoint', key, index };
  if (event.key !== '+' && event.key !== 'Insert') return null;
  const next = points[(index + 1) % points.length] ?? point;
  return { type: 'insert', key, index: index + 1, at: [(point[0] + next[0]) / 2, (point[1] + next[1]) / 2] };
}
