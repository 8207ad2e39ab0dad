import { describe, expect, test } from 'vitest';
import type { Point } from '../api/types';
import { type Action, crossesItself, type Drawing, fault, load, reduce, store } from './shapes';

const EMPTY = load({ zones: [], lines: [] });

const having = (drawing: Drawing, ...actions: Action[]) => actions.reduce(reduce, drawing);
const point = (...at: Point): Action => ({ type: 'point', at });

const TRIANGLE: Action[] = [
  { type: 'begin', kind: 'zone' },
  point(0.1, 0.1),
  point(0.5, 0.1),
  point(0.3, 0.6),
  { type: 'finish' },
];

describe('drawing', () => {
  test('points become a zone, which is selected and named', () => {
    const drawing = having(EMPTY, ...TRIANGLE);
    expect(drawing).toMatchObject({ draft: null, selected: 0, isChanged: true });
    expect(store(drawing.shapes).zones).toEqual([
      {
        name: 'zone-1',
        polygon: [
          [0.1, 0.1],
          [0.5, 0.1],
          [0.3, 0.6],
        ],
        classes: [],
        anchor: 'foot',
        min_stay: '0s',
        leave_after: '1s',
        schedule: null,
      },
    ]);
    expect(having(drawing, ...TRIANGLE).shapes.map(({ name }) => name)).toEqual(['zone-1', 'zone-2']);
  });

  test('too few points do not finish, and a cancelled draft leaves nothing', () => {
    const begun = having(EMPTY, { type: 'begin', kind: 'line' }, point(0.1, 0.1), { type: 'finish' });
    expect(begun.draft?.points).toHaveLength(1);
    expect(having(begun, { type: 'undo' }).draft?.points).toEqual([]);
    expect(having(begun, { type: 'cancel' })).toMatchObject({ draft: null, shapes: [], isChanged: false });
  });

  test('who does not draw gets something to move', () => {
    expect(having(EMPTY, { type: 'begin', kind: 'zone' }, { type: 'preset' }).shapes[0]?.points).toHaveLength(
      4,
    );
    expect(having(EMPTY, { type: 'begin', kind: 'line' }, { type: 'preset' }).shapes[0]?.points).toHaveLength(
      2,
    );
  });
});

describe('editing', () => {
  const drawn = having(EMPTY, ...TRIANGLE);
  const points = (...actions: Action[]) => having(drawn, ...actions).shapes[0]?.points;

  test('points are moved, within the picture', () => {
    expect(points({ type: 'move', key: 0, index: 0, to: [-0.2, 0.123456] })?.[0]).toEqual([0, 0.1235]);
  });

  test('points are added and removed, but never too many', () => {
    const more = having(drawn, { type: 'insert', key: 0, index: 1, at: [0.3, 0.05] });
    expect(more.shapes[0]?.points[1]).toEqual([0.3, 0.05]);
    expect(having(more, { type: 'removePoint', key: 0, index: 1 }).shapes[0]?.points).toEqual(
      drawn.shapes[0]?.points,
    );
    expect(points({ type: 'removePoint', key: 0, index: 0 })).toHaveLength(3);
  });

  test('a whole shape is moved and keeps its form at the edge', () => {
    expect(points({ type: 'shift', key: 0, by: [-0.5, 0.2] })).toEqual([
      [0, 0.3],
      [0.4, 0.3],
      [0.2, 0.8],
    ]);
  });

  test('a removed shape is gone', () => {
    expect(having(drawn, { type: 'remove', key: 0 })).toMatchObject({
      shapes: [],
      selected: null,
      isChanged: true,
    });
  });
});

test('what is loaded is what is stored', () => {
  const zone = {
    name: 'yard',
    polygon: [
      [0, 0],
      [1, 0],
      [1, 1],
    ] as Point[],
    classes: ['person'],
    anchor: 'overlap' as const,
    min_stay: '2s',
    leave_after: '3s',
    schedule: 'Sat-Sun',
  };
  const line = {
    name: 'barrier',
    points: [
      [0, 0],
      [1, 1],
    ] as Point[],
    direction: 'left_to_right' as const,
    classes: [],
    schedule: null,
  };
  const drawing = load({ zones: [zone], lines: [line] });
  expect(store(drawing.shapes)).toEqual({ zones: [zone], lines: [line] });
  expect(drawing.isChanged).toBe(false);
});

describe('faults', () => {
  test('a polygon that crosses itself', () => {
    const square: Point[] = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ];
    expect(crossesItself(square)).toBe(false);
    expect(
      crossesItself([
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
      ]),
    ).toBe(true);
    expect(crossesItself(square.slice(0, 3))).toBe(false);
  });

  test('names are there and differ', () => {
    const twice = having(EMPTY, ...TRIANGLE, ...TRIANGLE);
    const renamed = (name: string) => having(twice, { type: 'change', key: 1, change: { name } }).shapes;
    const of = (shapes: Drawing['shapes']) => shapes.map((shape) => fault(shape, shapes));
    expect(of(renamed('gate'))).toEqual([null, null]);
    expect(of(renamed(' '))[1]).toMatch(/name/);
    expect(of(renamed('zone-1')).every((found) => found !== null)).toBe(true);
  });
});
