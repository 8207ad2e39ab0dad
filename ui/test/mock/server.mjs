// A server that pretends to be Iris, to work on the page without one and to look at states that are hard to bring about.
// `node test/mock/server.mjs [--empty] [--setup] [--port N]`; anyone who signs in is an administrator.

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { discAt, HEIGHT, makeClip, makePicture, play, RATE, split, WIDTH } from './media.mjs';
import { camera, detections, event, makeState, system, topology } from './state.mjs';

const DIST = fileURLToPath(new URL('../../dist/page', import.meta.url));
const API = fileURLToPath(new URL('../../../api/openapi.json', import.meta.url));
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Starts it on `port`, 0 for any. `options.empty`: nothing is there yet; `options.setup`: nobody has signed up. */
export async function startMock(options = {}) {
  const mock = new Mock(options);
  const server = createServer((request, response) => mock.answer(request, response));
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => mock.connected(socket, request.url));
  await new Promise((listening) => server.listen(options.port ?? 0, '127.0.0.1', listening));
  const close = () => {
    clearInterval(mock.timer);
    for (const client of sockets.clients) client.terminate();
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, mock, close };
}

/** Made at the first start in this process. */
const media = once(() => {
  const clip = makeClip();
  return { clip, stream: split(clip), picture: makePicture() };
});

function once(make) {
  let made;
  return () => {
    made ??= make();
    return made;
  };
}

class Mock {
  began = Date.now();
  clip = media().clip;
  picture = media().picture;
  stream = media().stream;
  listeners = new Set();

  constructor(options) {
    this.state = makeState(options.empty);
    this.setupRequired = options.setup ?? false;
    this.session = options.session ? { user: this.state.users[0], csrf: 'mock' } : null;
    this.delay = options.delay ?? 0;
  }

  async answer(request, response) {
    const address = new URL(request.url, 'http://mock');
    if (!address.pathname.startsWith('/api/v1')) return this.file(address.pathname, response);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const sent = Buffer.concat(chunks);
    const isJson = request.headers['content-type'] === 'application/json';
    const body = isJson ? JSON.parse(sent) : sent;
    if (this.delay) await new Promise((resume) => setTimeout(resume, this.delay));
    const path = address.pathname.slice('/api/v1'.length).split('/').slice(1).map(decodeURIComponent);
    const answer = this.route(request.method, path, body, address.searchParams, request, response);
    if (answer !== undefined) json(response, ...(Array.isArray(answer) ? answer : [200, answer]));
  }

  file(path, response) {
    const asked = join(DIST, normalize(path));
    const file = extname(path) && existsSync(asked) ? asked : join(DIST, 'index.html');
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'text/plain',
      'content-security-policy': CSP,
    });
    response.end(readFileSync(file));
  }

  route(method, [first, id, third], body, query, request, response) {
    const { state } = this;
    const key = `${method} ${first}`;
    if (key === 'GET setup') return { required: this.setupRequired };
    if (key === 'POST setup' || key === 'POST session') return this.signIn(first, body);
    if (!this.session) return problem(401, 'unauthenticated', 'Sign in first.');
    if (key === 'GET session') return this.session;
    if (key === 'GET openapi.json') return JSON.parse(readFileSync(API));
    if (key === 'DELETE session') {
      this.session = null;
      return [204];
    }
    if (key === 'POST password')
      return body.old === 'wrong' ? problem(403, 'wrong_password', 'The present password is wrong.') : [204];
    if (first === 'system') return id ? topology : system(this.began);
    if (first === 'events') return this.events(method, id, third, body, query, request, response);
    if (first === 'cameras' && id === 'test') return this.test(body);
    if (first === 'models' && third === 'detect') return this.detect(id, body);
    if (first === 'cameras' && third === 'snapshot') return send(response, 'image/jpeg', this.picture);
    return this.collection(
      method,
      state[first],
      first === 'cameras' || first === 'tokens' ? 'id' : 'name',
      id,
      body,
    );
  }

  signIn(kind, body) {
    if (body.password === 'wrong') return problem(401, 'wrong_credentials', 'Name or password is wrong.');
    if (kind === 'setup' && body.token !== 'let-me-in')
      return problem(403, 'wrong_token', 'This is not the set-up token.');
    this.setupRequired = false;
    this.session = { user: { ...this.state.users[0], name: body.name }, csrf: 'mock' };
    return this.session;
  }

  test({ url }) {
    if (!url.startsWith('rtsp://')) return problem(422, 'source_failed', `${url}: connection refused`);
    return {
      codec: 'h264',
      width: 640,
      height: 360,
      frames_per_second: RATE,
      picture: this.picture.toString('base64'),
    };
  }

  /** The same in every picture, with boxes as in its own. */
  detect(model, file) {
    if (!/^(\xff\xd8|\x89PNG|RIFF....WEBP)/s.test(file.toString('latin1', 0, 12)))
      return problem(
        415,
        'unsupported_media_type',
        'the picture: cannot be decoded as a JPEG, PNG or WebP picture',
      );
    return { model, width: WIDTH, height: HEIGHT, detections };
  }

  collection(method, items, key, id, body) {
    if (!items) return problem(404, 'not_found', 'There is no such thing.');
    const index = items.findIndex((item) => item[key] === id);
    if (method === 'POST' && id === undefined) {
      const made =
        body.url && body.id
          ? camera(body.id, body.name, body)
          : { id: `t${items.length}`, ...made_up(), ...body };
      if (items.some((item) => item[key] === made[key]))
        return problem(409, 'exists', `${made[key]} is there already.`);
      items.push(made);
      return [201, made.scopes ? { ...made, secret: 'iris_mock_0123456789abcdef' } : made];
    }
    if (method === 'GET' && id === undefined) return { items };
    if (index < 0) return problem(404, 'not_found', `There is no ${id}.`);
    if (method === 'DELETE') items.splice(index, 1);
    if (method === 'PATCH') Object.assign(items[index], body);
    return method === 'DELETE' ? [204] : items[index];
  }

  events(method, id, part, body, query, request, response) {
    const { events } = this.state;
    if (id === undefined) return page(events, query);
    const found = events.find((event) => event.id === id);
    if (!found) return problem(404, 'not_found', `There is no event ${id}.`);
    if (part === 'picture') return send(response, 'image/jpeg', this.picture);
    if (part === 'clip') return ranged(request, response, this.clip);
    if (method === 'PATCH') {
      Object.assign(found, {
        review: body.review,
        reviewed_by: 'admin',
        reviewed_at: new Date().toISOString(),
      });
      this.tell(found);
    }
    return found;
  }

  /** Raises one more event, as if a camera had. */
  raise(rest = {}) {
    const seq = (this.state.events[0]?.seq ?? 0) + 1;
    const raised = event(seq, 0, { review: 'new', reviewed_by: null, reviewed_at: null, ...rest });
    this.state.events.unshift(raised);
    this.tell(raised);
    return raised;
  }

  tell(event) {
    for (const socket of this.listeners)
      socket.send(JSON.stringify({ type: 'event', cursor: String(event.seq), event }));
  }

  connected(socket, address) {
    const path = new URL(address, 'http://mock').pathname.split('/').map(decodeURIComponent);
    if (path[3] === 'events') {
      this.listeners.add(socket);
      socket.on('close', () => this.listeners.delete(socket));
      socket.send(JSON.stringify({ type: 'hello', cursor: '0' }));
      return;
    }
    const watched = this.state.cameras.find(({ id }) => id === path[4]);
    const { state, error } = watched?.status ?? { state: 'failed', error: 'no such camera' };
    const tell = (message) => socket.send(JSON.stringify(message));
    tell({ type: 'state', state, error });
    if (state === 'live') this.watch(socket, tell);
  }

  watch(socket, tell) {
    tell({ type: 'init', mime: this.stream.mime, width: 640, height: 360 });
    socket.send(this.stream.init);
    const keyFrame = Math.floor((Date.now() - this.began) / 1000 / 2) * 2 * RATE;
    const stop = play(this.stream, keyFrame, (t, fragment) => {
      socket.send(fragment);
      const tracks = [{ id: 'gate/3.0/17', class: 'person', score: 0.9, box: discAt(t) }];
      if (Math.round(t * RATE) % 2 === 0)
        setTimeout(() => socket.readyState === 1 && tell({ type: 'tracks', t, tracks }), 50);
    });
    socket.on('close', stop);
  }
}

const made_up = () => ({
  created: new Date().toISOString(),
  last_used: null,
  cameras: null,
  origin: 'store',
  pending: 0,
  dead: 0,
  oldest: null,
});

function page(events, query) {
  const fits = (event) =>
    ['camera', 'kind', 'class', 'review'].every(
      (name) => !query.get(name) || query.get(name) === event[name],
    );
  const recent = (event) => !query.get('since') || event.start >= query.get('since');
  const from = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? 50);
  const all = events.filter((event) => fits(event) && recent(event));
  return {
    items: all.slice(from, from + limit),
    next: from + limit < all.length ? String(from + limit) : null,
  };
}

const problem = (status, code, detail) => [
  status,
  { type: `urn:iris:problem:${code}`, title: code, status, code, detail },
];

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function send(response, type, body) {
  response.writeHead(200, { 'content-type': type });
  response.end(body);
}

function ranged(request, response, body) {
  const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
  const [start, end] = range
    ? [Number(range[1]), range[2] ? Number(range[2]) : body.length - 1]
    : [0, body.length - 1];
  const headers = {
    'content-type': 'video/mp4',
    'accept-ranges': 'bytes',
    'content-length': end - start + 1,
  };
  if (range) headers['content-range'] = `bytes ${start}-${end}/${body.length}`;
  response.writeHead(range ? 206 : 200, headers);
  response.end(body.subarray(start, end + 1));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const has = (flag) => process.argv.includes(flag);
  const port = process.argv.at(process.argv.indexOf('--port') + 1);
  const { url, mock } = await startMock({
    empty: has('--empty'),
    setup: has('--setup'),
    port: has('--port') ? Number(port) : 8080,
  });
  setInterval(() => mock.state.cameras.length > 0 && mock.raise(), 15_000);
  process.stdout.write(`${url}${has('--setup') ? '/setup#token=let-me-in' : ''}\n`);
}
