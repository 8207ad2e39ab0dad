// Draws boxes, ids, zones and lines over a picture. Positions are fractions of it; the canvas has its own pixels.

import type { Box, Line, Point, Zone } from '../api/types';
import type { Track } from './tracks';

/** A box and what is written on it. */
export interface Mark {
  label: string;
  box: Box;
}

export interface Scene {
  marks: Mark[];
  zones: Zone[];
  lines: Line[];
  /** Names of zones and lines that have just raised an alarm. */
  alarmed: ReadonlySet<string>;
}

/** The part of the canvas that the picture covers, in CSS pixels. */
export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

// The same in both schemes: pictures do not change with them. Light strokes on a dark edge stand out from any picture.
const COLOURS = {
  mark: '#7ee0f5',
  rule: '#ffd479',
  alarm: '#ff6b6b',
  edge: 'rgb(0 0 0 / 55%)',
  ink: '#10151a',
};

/** Where a picture of `width` × `height` lies when it is fitted into `frame`. */
export function contain(width: number, height: number, frame: { width: number; height: number }): Area {
  const scale = Math.min(frame.width / width, frame.height / height) || 0;
  const area = { width: width * scale, height: height * scale };
  return { ...area, x: (frame.width - area.width) / 2, y: (frame.height - area.height) / 2 };
}

/** Draws `scene` onto `canvas`, whose resolution follows its size and that of the screen. */
export function draw(canvas: HTMLCanvasElement, area: Area, scene: Scene): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  resize(canvas);
  const ratio = window.devicePixelRatio;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const pen = new Pen(context, area);
  for (const zone of scene.zones) pen.path(zone.polygon, true, scene.alarmed.has(zone.name));
  for (const line of scene.lines) pen.path(line.points, false, scene.alarmed.has(line.name));
  for (const mark of scene.marks) pen.box(mark);
}

/** Draws `picture`, fitted into `canvas`, with `marks` on it. */
export function drawPicture(canvas: HTMLCanvasElement, picture: ImageBitmap, marks: Mark[]): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const frame = { width: canvas.clientWidth, height: canvas.clientHeight };
  const area = contain(picture.width, picture.height, frame);
  draw(canvas, area, { marks, zones: [], lines: [], alarmed: new Set() });
  // Beneath the marks, since drawing them begins by clearing the canvas.
  context.globalCompositeOperation = 'destination-over';
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, area.x, area.y, area.width, area.height);
  context.globalCompositeOperation = 'source-over';
}

/** A tracked object, by its class and the count in its name, `gate/3.0/17`: enough to tell those of one camera apart. */
export const markOf = (track: Track): Mark => ({
  label: `${track.class} ${track.id.slice(track.id.lastIndexOf('/') + 1)}`,
  box: track.box,
});

function resize(canvas: HTMLCanvasElement): void {
  const width = Math.round(canvas.clientWidth * window.devicePixelRatio);
  const height = Math.round(canvas.clientHeight * window.devicePixelRatio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

class Pen {
  readonly #context: CanvasRenderingContext2D;
  readonly #area: Area;

  constructor(context: CanvasRenderingContext2D, area: Area) {
    this.#context = context;
    this.#area = area;
    context.lineJoin = 'round';
    context.font = '600 11px "Inter Variable", system-ui, sans-serif';
    context.textBaseline = 'middle';
  }

  path(points: Point[], isClosed: boolean, isAlarmed: boolean): void {
    const context = this.#context;
    context.beginPath();
    for (const point of points) context.lineTo(...this.#at(point));
    if (isClosed) context.closePath();
    const colour = isAlarmed ? COLOURS.alarm : COLOURS.rule;
    if (isClosed) {
      context.globalAlpha = isAlarmed ? 0.28 : 0.1;
      context.fillStyle = colour;
      context.fill();
      context.globalAlpha = 1;
    }
    this.#stroke(colour, isAlarmed ? 2.5 : 1.5);
  }

  box(mark: Mark): void {
    const context = this.#context;
    const [left, top, right, bottom] = mark.box;
    const [x, y] = this.#at([left, top]);
    const [endX, endY] = this.#at([right, bottom]);
    context.beginPath();
    context.roundRect(x, y, endX - x, endY - y, 3);
    this.#stroke(COLOURS.mark, 2);
    this.#label(mark.label, x, y);
  }

  #label(text: string, x: number, y: number): void {
    const context = this.#context;
    const width = context.measureText(text).width + 10;
    const left = Math.max(this.#area.x, Math.min(x - 1, this.#area.x + this.#area.width - width));
    const top = y - 17 < this.#area.y ? y + 1 : y - 17;
    context.beginPath();
    context.roundRect(left, top, width, 16, 3);
    context.fillStyle = COLOURS.mark;
    context.fill();
    context.fillStyle = COLOURS.ink;
    context.fillText(text, left + 5, top + 8.5);
  }

  #stroke(colour: string, width: number): void {
    const context = this.#context;
    context.strokeStyle = COLOURS.edge;
    context.lineWidth = width + 2;
    context.stroke();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }

  #at([x, y]: Point): [number, number] {
    return [this.#area.x + x * this.#area.width, this.#area.y + y * this.#area.height];
  }
}
