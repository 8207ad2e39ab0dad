// A moving picture in fragments as the server sends them, made once by the machine's FFmpeg: a disc that goes round, so that
// boxes can be checked against it.

import { execFileSync } from 'node:child_process';

export const WIDTH = 640;
export const HEIGHT = 360;
export const RATE = 12;
const SECONDS = 8;
const TIMESCALE = 90_000;

/** Where the disc's box is at `t` seconds, in fractions of the picture. */
export function discAt(t) {
  const [x, y] = [0.5 + 0.32 * Math.cos((t * Math.PI) / 4), 0.55 + 0.25 * Math.sin((t * Math.PI) / 4)];
  return [x - 0.05, y - 0.09, x + 0.05, y + 0.09];
}

const FILTER = [
  `nullsrc=s=${WIDTH}x${HEIGHT}:r=${RATE}:d=${SECONDS}`,
  `geq=lum='if(lt(hypot(X-W*(0.5+0.32*cos(T*PI/4)),Y-H*(0.55+0.25*sin(T*PI/4))),H*0.08),225,if(gt(Y,H*0.55),70+20*sin(X/9)*sin(Y/5),120-Y/5))':cb=124:cr=130`,
  'format=yuv420p',
].join(',');

/** The whole clip, fragmented so that each picture is one fragment. */
export function makeClip() {
  const args = [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    FILTER,
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-bf',
    '0',
  ];
  args.push(
    '-g',
    `${RATE * 2}`,
    '-crf',
    '26',
    '-video_track_timescale',
    `${TIMESCALE}`,
    '-frag_duration',
    '1',
  );
  args.push('-movflags', 'empty_moov+default_base_moof+frag_every_frame', '-f', 'mp4', 'pipe:1');
  return execFileSync('ffmpeg', args, { maxBuffer: 1 << 26 });
}

/** One picture of it as JPEG. */
export function makePicture() {
  const args = ['-v', 'error', '-f', 'lavfi', '-i', FILTER, '-frames:v', '1', '-f', 'mjpeg', 'pipe:1'];
  return execFileSync('ffmpeg', args, { maxBuffer: 1 << 24 });
}

/** Takes a fragmented clip apart: the initialisation segment, and a fragment a picture. */
export function split(clip) {
  const boxes = [];
  for (let at = 0; at < clip.length; ) {
    const size = clip.readUInt32BE(at);
    boxes.push({ type: clip.toString('latin1', at + 4, at + 8), data: clip.subarray(at, at + size) });
    at += size;
  }
  const all = (types) =>
    Buffer.concat(boxes.filter(({ type }) => types.includes(type)).map(({ data }) => data));
  const moofs = boxes.flatMap(({ type }, index) => (type === 'moof' ? [index] : []));
  const fragments = moofs.map((index) => Buffer.concat([boxes[index].data, boxes[index + 1].data]));
  return { init: all(['ftyp', 'moov']), fragments, mime: mimeOf(clip) };
}

function mimeOf(clip) {
  const at = clip.indexOf('avcC') + 5;
  return `video/mp4; codecs="avc1.${clip.toString('hex', at, at + 3)}"`;
}

/** Calls `send` with each fragment at its time, over and over with times that go on. The returned function ends it. */
export function play({ fragments }, startFrame, send) {
  let frame = startFrame;
  const began = Date.now() - (startFrame * 1000) / RATE;
  const tick = () => {
    while (frame <= ((Date.now() - began) * RATE) / 1000) {
      // Begins at a key frame, as the server does.
      const fragment = Buffer.from(fragments[frame % fragments.length]);
      const tfdt = fragment.indexOf('tfdt') + 8;
      fragment.writeBigUInt64BE(BigInt(Math.round((frame * TIMESCALE) / RATE)), tfdt);
      send(frame / RATE, fragment);
      frame += 1;
    }
  };
  const timer = setInterval(tick, 1000 / RATE / 2);
  tick();
  return () => clearInterval(timer);
}
