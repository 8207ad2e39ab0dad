// One model: what it is, and what it sees in a picture that is dropped on it, pasted or chosen.

import { type ClipboardEvent, type DragEvent, useEffect, useRef, useState } from 'react';
import { LEAST_SCORE, type Look, useDetect } from '../api/queries';
import type { Box, Detection, Model } from '../api/types';
import { capital, formatMillis, formatPercent } from '../lib/format';
import { drawPicture } from '../live/overlay';
import { useSize } from '../zones/size';
import { Icon } from './icon';
import { type Fact, Facts, Field, Nothing, ProblemNotice } from './parts';

export function ModelCard({ model }: { model: Model }) {
  const [over, setOver] = useState(false);
  const [least, setLeast] = useState(model.min_score);
  const detect = useDetect(model.name);
  const found = detect.data?.seen.detections.filter(({ score }) => score >= least) ?? [];
  const take = (files: FileList) => detect.mutate(files[0]);
  const drag = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  const leave = (event: DragEvent) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const paste = (event: ClipboardEvent) => take(event.clipboardData.files);
  return (
    // A click gives it the focus, and what is pasted goes to what has the focus.
    <section
      className={`card model ${over ? 'over' : ''}`}
      aria-label={model.name}
      aria-busy={detect.isPending}
      tabIndex={-1}
      onDragOver={drag}
      onDragLeave={leave}
      onDrop={drop}
      onPaste={paste}
    >
      <header>
        <h2>{model.name}</h2>
        <ChooseFile model={model.name} take={take} />
      </header>
      <div className="body drawing-room">
        <div className="stack">
          <ProblemNotice problem={detect.error} />
          {detect.error?.retryAfter && (
            <div className="row end">
              <button type="button" className="button" onClick={() => detect.mutate(detect.variables)}>
                <Icon name="refresh" /> Try again
              </button>
            </div>
          )}
          {detect.data ? (
            <Picture look={detect.data} found={found} />
          ) : (
            <Nothing icon="picture" title={detect.isPending ? 'Looking at it…' : 'Drop a picture here'}>
              <p>JPEG, PNG or WebP. It can be pasted as well, after a click here.</p>
            </Nothing>
          )}
        </div>
        <div className="stack">
          {detect.data && (
            <>
              <LeastScore model={model} least={least} onChange={setLeast} />
              <Found look={detect.data} found={found} />
            </>
          )}
          <Facts facts={factsOf(model)} />
        </div>
      </div>
    </section>
  );
}

function ChooseFile({ model, take }: { model: string; take(files: FileList): void }) {
  return (
    <label className="button">
      <Icon name="picture" /> Choose a picture<span className="visually-hidden"> for {model}</span>
      <input
        type="file"
        className="visually-hidden"
        accept="image/jpeg,image/png,image/webp"
        onChange={({ target }) => {
          if (target.files?.length) take(target.files);
          // The same file can be chosen again.
          target.value = '';
        }}
      />
    </label>
  );
}

const describe = ({ class: name, score }: Detection) => `${name} ${formatPercent(score)}`;

function Picture({ look, found }: { look: Look; found: Detection[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { seen, picture } = look;
  // Another size is another render, and each draws it anew.
  useSize(canvas);
  useEffect(() => {
    if (!canvas.current) return;
    const marks = found.map((detection) => {
      const [left, top, right, bottom] = detection.box;
      const { width, height } = seen;
      const box: Box = [left / width, top / height, right / width, bottom / height];
      return { label: describe(detection), box };
    });
    // The strongest, which come first, lie on top.
    drawPicture(canvas.current, picture, marks.reverse());
  });
  return (
    <div className="board">
      <canvas
        ref={canvas}
        role="img"
        aria-label="The picture, with a box around each thing that was found"
        style={{ aspectRatio: `${picture.width} / ${picture.height}` }}
      />
    </div>
  );
}

interface LeastScoreProps {
  model: Model;
  least: number;
  onChange(least: number): void;
}

function LeastScore({ model, least, onChange }: LeastScoreProps) {
  return (
    <Field
      label="Least score"
      hint={`At least ${formatPercent(least)} sure; its own threshold is ${formatPercent(model.min_score)}`}
    >
      {(props) => (
        <input
          {...props}
          className="range"
          type="range"
          min={LEAST_SCORE}
          max={1}
          step={0.01}
          value={least}
          aria-valuetext={formatPercent(least)}
          onChange={(event) => onChange(event.target.valueAsNumber)}
        />
      )}
    </Field>
  );
}

function Found({ look, found }: { look: Look; found: Detection[] }) {
  const { seen, millis } = look;
  return (
    <div className="stack tight">
      <p role="status">
        <strong>{found.length === 0 ? 'Nothing' : found.length} found</strong>{' '}
        <span className="muted small">
          in {seen.width} × {seen.height} pixels, after {formatMillis(millis)}
        </span>
      </p>
      {found.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        <div className="found" tabIndex={0} role="region" aria-label="What was found">
          <ol>
            {found.map((detection) => (
              <li key={`${detection.class} ${detection.box}`}>
                <span>{capital(describe(detection))}</span>{' '}
                <span className="muted small number">{place(detection)}</span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </div>
  );
}

/** Width and height of its box, and its top left corner, in pixels of the picture. */
function place({ box }: Detection): string {
  const [left, top, right, bottom] = box.map(Math.round) as Box;
  return `${right - left} × ${bottom - top} at ${left}, ${top}`;
}

function factsOf(model: Model): Fact[] {
  return [
    ['Task', capital(model.task)],
    ['Input', `${model.input.join(' × ')} pixels`],
    ['Classes', model.classes.join(', ')],
    ['Precision', model.precision.toUpperCase()],
    ['Licence', model.license ?? 'not said'],
  ];
}
