// One camera as it is now: its picture, what is seen in it, and its state. Plays only while it can be seen.

import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { Link } from 'wouter';
import type { Camera, CameraState } from '../api/types';
import { useVisible } from '../lib/hooks';
import { contain, draw, markOf } from '../live/overlay';
import { LivePlayer } from '../live/player';
import { Icon } from './icon';
import { StateBadge } from './parts';

interface LiveTileProps {
  camera: Camera;
  large: boolean;
  overlay: boolean;
  /** The rules that have just raised an alarm. */
  alarmed: ReadonlySet<string> | undefined;
}

const NONE: ReadonlySet<string> = new Set();

export function LiveTile({ camera, large, overlay, alarmed }: LiveTileProps) {
  const { video, canvas, status, trouble, playing } = useLive(camera, overlay, alarmed ?? NONE);
  const state = status?.state ?? camera.status.state;
  const error = status ? status.error : camera.status.error;
  const content = (
    <>
      <video ref={video} muted playsInline disablePictureInPicture aria-label={`${camera.name}, live`} />
      <canvas ref={canvas} />
      {(!playing || trouble || state !== 'live') && (
        <Cover state={state} error={error} trouble={trouble} playing={playing} />
      )}
      <span className="caption">
        <span className="name">{camera.name}</span>
        {alarmed ? <span className="badge danger">Alarm</span> : <StateBadge state={state} error={error} />}
      </span>
    </>
  );
  const className = `tile ${large ? 'large' : ''} ${alarmed ? 'alarmed' : ''}`;
  if (large) return <div className={className}>{content}</div>;
  return (
    <Link className={className} href={`/live/${encodeURIComponent(camera.id)}`} data-camera={camera.id}>
      {content}
    </Link>
  );
}

interface CoverProps {
  state: CameraState;
  error: string | null;
  trouble: string | null;
  playing: boolean;
}

/** Says why there is no picture, or that the one shown is old. */
function Cover({ state, error, trouble, playing }: CoverProps) {
  const isWell = state === 'live' || state === 'connecting';
  const text = trouble ?? error ?? (isWell ? null : EXPLANATIONS[state]);
  return (
    <span className={`cover ${playing ? 'veil' : ''}`}>
      {text ? (
        <>
          <Icon name="warning" />
          <span>{text}</span>
        </>
      ) : (
        <span className="spinner" role="img" aria-label="Waiting for the picture" />
      )}
    </span>
  );
}

const EXPLANATIONS: Partial<Record<CameraState, string>> = {
  stalled: 'No new pictures arrive',
  offline: 'The camera does not answer',
  auth_failed: 'The camera refuses name or password',
  failed: 'The stream cannot be read',
  ended: 'The recording is over',
  disabled: 'This camera is switched off',
};

/** Lets tests and the curious reach the player of a tile. */
export interface LiveVideo extends HTMLVideoElement {
  irisPlayer?: LivePlayer;
}

function useLive(camera: Camera, overlay: boolean, alarmed: ReadonlySet<string>) {
  const video = useRef<LiveVideo>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const visible = useVisible(canvas);
  const [status, setStatus] = useState<{ state: CameraState; error: string | null } | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [playing, setPlaying] = useState(false);

  const paint = useEffectEvent((time: number) => {
    const picture = video.current;
    if (!canvas.current || !picture) return;
    const frame = { width: canvas.current.clientWidth, height: canvas.current.clientHeight };
    const tracks = overlay ? (picture.irisPlayer?.tracks.at(time) ?? []) : [];
    const { zones, lines } = overlay ? camera : { zones: [], lines: [] };
    draw(canvas.current, contain(picture.videoWidth, picture.videoHeight, frame), {
      marks: tracks.map(markOf),
      zones,
      lines,
      alarmed,
    });
  });

  useEffect(() => {
    const element = video.current;
    if (!visible || !element) return;
    const player = new LivePlayer(element, camera.id, {
      state: (state, error) => setStatus({ state, error }),
      trouble: setTrouble,
      shown(time) {
        setPlaying(true);
        paint(time);
      },
    });
    element.irisPlayer = player;
    return () => {
      delete element.irisPlayer;
      player.close();
      setPlaying(false);
      setStatus(null);
    };
  }, [visible, camera.id]);

  return { video, canvas, status, trouble, playing };
}
