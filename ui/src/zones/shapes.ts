// Zones and lines while they are being drawn: what is there, what is selected, what is begun. No pictures, no pixels.

import type { Anchor, Camera, Direction, Line, Point, Zone } from '../api/types';

export type Kind = 'zone' | 'line';

/** A zone or a line with all that either can have; `key` is its identity while it is edited. */
export interface Shape {
  key: number;
  kind: Kind;
  name: string;
  points: Point[];
  classes: string[];
  schedule: string;
  anchor: Anchor;
  min_stay: string;
  leave_after: string;
  direction: Direction;
}

export interface Drawing {
  shapes: Shape[];
  selected: number | null;
  /** What is being drawn, point by point. */
  draft: { kind: Kind; points: Point[] } | null;
  nextKey: number;
  isChanged: boolean;
}

export type Action =
  | { type: 'load'; camera: Pick<Camera, 'zones' | 'lines'> }
  | { type: 'begin'; kind: Kind }
  | { type: 'point'; at: Point }
  | { type: 'undo' }
  | { type: 'finish' }
  | { type: 'preset' }
  | { type: 'cancel' }
  | { type: 'select'; key: number | null }
  | { type: 'move'; key: number; index: number; to: Point }
  | { type: 'shift'; key: number; by: Point }
  | { type: 'insert'; key: number; index: number; at: Point }
  | { type: 'removePoint'; key: number; index: number }
  | { type: 'change'; key: number; change: Partial<Omit<Shape, 'key' | 'kind' | 'points'>> }
  | { type: 'remove'; key: number };

/** How few points a shape can have. */
export const FEWEST: Record<Kind, number> = { zone: 3, line: 2 };

/** What someone gets who does not draw: something in the middle to move. */
const PRESETS: Record<Kind, Point[]> = {
  zone: [
    [0.3, 0.4],
    [0.7, 0.4],
    [0.7, 0.85],
    [0.3, 0.85],
  ],
  line: [
    [0.3, 0.65],
    [0.7, 0.65],
  ],
};

const DEFAULTS = {
  classes: [],
  schedule: '',
  anchor: 'foot',
  min_stay: '0s',
  leave_after: '1s',
  direction: 'both',
} as const;

export function load({ zones, lines }: Pick<Camera, 'zones' | 'lines'>): Drawing {
  const shapes = [
    ...zones.map(({ polygon, ...zone }) => ({ ...zone, kind: 'zone' as const, points: polygon })),
    ...lines.map((line) => ({ ...line, kind: 'line' as const })),
  ].map((shape, key) => ({
    ...DEFAULTS,
    ...shape,
    classes: [...shape.classes],
    schedule: shape.schedule ?? '',
    key,
  }));
  return { shapes, selected: shapes[0]?.key ?? null, draft: null, nextKey: shapes.length, isChanged: false };
}

/** The zones and lines as the server takes them. */
export function store(shapes: Shape[]): { zones: Zone[]; lines: Line[] } {
  const schedule = (shape: Shape) => shape.schedule.trim() || null;
  return {
    zones: shapes
      .filter(({ kind }) => kind === 'zone')
      .map((shape) => ({
        name: shape.name,
        polygon: shape.points,
        classes: shape.classes,
        anchor: shape.anchor,
        min_stay: shape.min_stay,
        leave_after: shape.leave_after,
        schedule: schedule(shape),
      })),
    lines: shapes
      .filter(({ kind }) => kind === 'line')
      .map((shape) => ({
        name: shape.name,
        points: shape.points,
        direction: shape.direction,
        classes: shape.classes,
        schedule: schedule(shape),
      })),
  };
}

export function reduce(drawing: Drawing, action: Action): Drawing {
  const { draft } = drawing;
  switch (action.type) {
    case 'load':
      return load(action.camera);
    case 'begin':
      return { ...drawing, selected: null, draft: { kind: action.kind, points: [] } };
    case 'point':
      return draft
        ? { ...drawing, draft: { ...draft, points: [...draft.points, inside(action.at)] } }
        : drawing;
    case 'undo':
      return draft ? { ...drawing, draft: { ...draft, points: draft.points.slice(0, -1) } } : drawing;
    case 'finish':
      return draft && draft.points.length >= FEWEST[draft.kind]
        ? add(drawing, draft.kind, draft.points)
        : drawing;
    case 'preset':
      return draft ? add(drawing, draft.kind, PRESETS[draft.kind]) : drawing;
    case 'cancel':
      return { ...drawing, draft: null };
    case 'select':
      return { ...drawing, selected: action.key };
    default:
      return { ...drawing, ...edit(drawing, action), isChanged: true };
  }
}

type Edit = Extract<Action, { key: number }> & { type: Exclude<Action['type'], 'select'> };

function edit(drawing: Drawing, action: Edit): Partial<Drawing> {
  if (action.type === 'remove') {
    const shapes = drawing.shapes.filter(({ key }) => key !== action.key);
    return { shapes, selected: shapes.at(-1)?.key ?? null };
  }
  return {
    shapes: drawing.shapes.map((shape) => (shape.key === action.key ? changed(shape, action) : shape)),
  };
}

function changed(shape: Shape, action: Exclude<Edit, { type: 'remove' }>): Shape {
  switch (action.type) {
    case 'move':
      return { ...shape, points: shape.points.with(action.index, inside(action.to)) };
    case 'shift':
      return { ...shape, points: shifted(shape.points, action.by) };
    case 'insert':
      return { ...shape, points: shape.points.toSpliced(action.index, 0, inside(action.at)) };
    case 'removePoint':
      if (shape.points.length <= FEWEST[shape.kind]) return shape;
      return { ...shape, points: shape.points.toSpliced(action.index, 1) };
    case 'change':
      return { ...shape, ...action.change };
  }
}

function add(drawing: Drawing, kind: Kind, points: Point[]): Drawing {
  const key = drawing.nextKey;
  const shape: Shape = { ...DEFAULTS, classes: [], key, kind, points, name: freeName(drawing.shapes, kind) };
  return {
    shapes: [...drawing.shapes, shape],
    selected: key,
    draft: null,
    nextKey: key + 1,
    isChanged: true,
  };
}

function freeName(shapes: Shape[], kind: Kind): string {
  const taken = new Set(shapes.map(({ name }) => name));
  for (let count = 1; ; count += 1) if (!taken.has(`${kind}-${count}`)) return `${kind}-${count}`;
}

const limit = (value: number) => Math.min(Math.max(value, 0), 1);
/** To a ten-thousandth, so that what is stored and exported can be read. */
const tidy = (value: number) => Math.round(value * 10_000) / 10_000;
const inside = ([x, y]: Point): Point => [tidy(limit(x)), tidy(limit(y))];

/** All points moved alike, as far as the picture goes. */
function shifted(points: Point[], [dx, dy]: Point): Point[] {
  const room = (values: number[], by: number) =>
    Math.min(Math.max(by, -Math.min(...values)), 1 - Math.max(...values));
  const x = room(
    points.map((point) => point[0]),
    dx,
  );
  const y = room(
    points.map((point) => point[1]),
    dy,
  );
  return points.map(([px, py]) => inside([px + x, py + y]));
}

/** What is wrong with a shape among all, in words; null if nothing. */
export function fault(shape: Shape, all: Shape[]): string | null {
  if (!shape.name.trim()) return 'It needs a name.';
  if (all.some((other) => other.key !== shape.key && other.name === shape.name)) {
    return 'Another zone or line has this name.';
  }
  return shape.kind === 'zone' && crossesItself(shape.points) ? 'Its sides cross each other.' : null;
}

/** Whether any two sides of a polygon that are not neighbours meet. */
export function crossesItself(polygon: Point[]): boolean {
  const sides = polygon.map(
    (point, index) => [point, polygon[(index + 1) % polygon.length] ?? point] as const,
  );
  const areNeighbours = (i: number, j: number) => j - i <= 1 || (i === 0 && j === sides.length - 1);
  return sides.some((one, i) =>
    sides.some((other, j) => j > i && !areNeighbours(i, j) && cross(one[0], one[1], other[0], other[1])),
  );
}

function cross(a: Point, b: Point, c: Point, d: Point): boolean {
  return turn(a, b, c) * turn(a, b, d) <= 0 && turn(c, d, a) * turn(c, d, b) <= 0;
}

/** Positive, negative or zero as a → b → c turns one way, the other, or not. */
function turn([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): number {
  return Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));
}
