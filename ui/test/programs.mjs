// The real server and simulated cameras as child processes that end with the test, and a clip for them.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const PATIENCE = 60_000;

/** Where the programs lie: those of IRIS_BIN_DIR, or what cargo built. */
export const binary = (name) => join(process.env.IRIS_BIN_DIR ?? join(TARGET, 'debug'), name);

/** A program whose words can be waited for. */
class Program {
  words = '';
  hasEnded = false;

  constructor(name, args) {
    const runtime = join(ROOT, '.tools/onnxruntime/libonnxruntime.so');
    const env = { ORT_DYLIB_PATH: runtime, ...process.env, NO_COLOR: '1' };
    this.child = spawn(binary(name), args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (part) => {
      this.words += part;
    };
    this.child.stdout.on('data', hear);
    this.child.stderr.on('data', hear);
    this.ended = new Promise((done) => this.child.once('close', done)).then(() => {
      this.hasEnded = true;
    });
  }

  /** The match of `pattern` in what it says, once it has said it. */
  says(pattern) {
    return until(() => {
      const match = pattern.exec(this.words);
      if (!match && this.hasEnded) throw new Error(`it ended without saying ${pattern}:\n${this.words}`);
      return match;
    });
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}

/** What `look` finds, once it finds something. */
export async function until(look) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((again) => setTimeout(again, 50));
  }
  throw new Error(`never came true: ${look}`);
}

/** A folder that is removed by the returned function. */
function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'iris-ui-'));
  return [folder, () => rmSync(folder, { recursive: true })];
}

/** Bright discs on a dark, noisy ground, which the toy detector of the tests finds; as cameras do, without B-frames. */
function makeDiscs(file) {
  const disc = (radius) =>
    `color=c=white:s=${radius * 2}x${radius * 2}:r=20:d=10,format=yuva420p,geq=lum=235:cb=128:cr=128:a='if(lte(hypot(X-${radius},Y-${radius}),${radius}),255,0)'`;
  const ground = 'color=c=0x303030:s=320x180:r=20:d=10,noise=alls=6:allf=t:all_seed=7';
  const paths = "[0][1]overlay=x='146+120*sin(t*PI/5)':y='60'[a];[a][2]overlay=x='40+24*t':y='110+10*sin(t)'";
  const args = [
    '-nostdin',
    '-loglevel',
    'error',
    '-y',
    '-f',
    'lavfi',
    '-i',
    ground,
    '-f',
    'lavfi',
    '-i',
    disc(14),
  ];
  args.push(
    '-f',
    'lavfi',
    '-i',
    disc(12),
    '-filter_complex',
    paths,
    '-t',
    '10',
    '-c:v',
    'libx264',
    '-profile:v',
    'main',
  );
  args.push('-preset', 'veryfast', '-crf', '28', '-bf', '0', '-g', '20', '-pix_fmt', 'yuv420p', file);
  execFileSync('ffmpeg', args);
}

/** Starts simulated cameras and a server that knows none of them, or those that `configure` writes of their addresses. */
export async function startIris(cameras = 1, configure = () => '') {
  const [folder, remove] = makeFolder();
  const clip = join(folder, 'discs.mp4');
  makeDiscs(clip);
  const sim = new Program('iris-sim', [
    'serve',
    '--listen',
    '127.0.0.1:0',
    '--cameras',
    `${cameras}`,
    '--clip',
    clip,
  ]);
  const first = (await sim.says(/rtsp:\S+/))[0];
  const config = join(folder, 'iris.toml');
  const text = `[store]\npath = "data"\n[server]\nlisten = "127.0.0.1:0"\n[models.blobs]\npath = "${join(ROOT, 'testdata/models/blobs')}"\n[defaults]\nrate = 10\n`;
  const camera = (index) => first.replace(/0$/, index);
  writeFileSync(config, text + configure(camera));
  const iris = new Program('iris', ['serve', '-c', config]);
  const stop = async () => {
    await Promise.all([iris.stop(), sim.stop()]);
    remove();
  };
  const setup = (await iris.says(/https?:\/\/\S+\/setup#token=\S+/))[0];
  return { setup, iris, url: new URL(setup).origin, camera, stop };
}
