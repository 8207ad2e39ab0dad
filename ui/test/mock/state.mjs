// What the mock server pretends to know: cameras in every state, events of every kind.

const CLASSES = ['person', 'bicycle', 'car', 'truck', 'dog'];

const status = (state, error = null) => ({
  state,
  error,
  seconds: 5_400,
  connections: 2,
  age_ms: state === 'live' ? 84 : null,
  codec: 'h264',
  width: 640,
  height: 360,
  detections_per_second: state === 'live' ? 4.9 : 0,
  frames_per_second: state === 'live' ? 12 : 0,
  drops: { not_decodable: 0, older_picture: 318 },
  rung: 'every_frame',
  rung_reason: 'the processor has time',
});

const YARD = {
  name: 'yard',
  polygon: [
    [0.35, 0.5],
    [0.85, 0.45],
    [0.95, 0.9],
    [0.3, 0.95],
  ],
  classes: ['person'],
  anchor: 'foot',
  min_stay: '2s',
  leave_after: '1s',
  schedule: 'Mon-Fri 18:00-06:00, Sat-Sun',
};

const BARRIER = {
  name: 'barrier',
  points: [
    [0.12, 0.8],
    [0.28, 0.5],
  ],
  direction: 'left_to_right',
  classes: ['car', 'truck'],
  schedule: null,
};

const camera = (id, name, rest = {}) => ({
  id,
  name,
  url: `rtsp://***@10.0.0.${id.length}/stream2`,
  transport: 'tcp',
  model: 'people',
  tracker: 'ocsort',
  gate: 'motion',
  rate: 5,
  enabled: true,
  zones: [],
  lines: [],
  origin: 'store',
  status: status('live'),
  ...rest,
});

function cameras() {
  return [
    camera('gate', 'Main gate', { zones: [YARD], lines: [BARRIER] }),
    camera('yard', 'Yard', { zones: [YARD] }),
    camera('corridor', 'Corridor', { origin: 'file', lines: [BARRIER] }),
    camera('workshop', 'Workshop'),
    camera('ramp', 'Loading ramp', { status: status('stalled', 'no picture for 12 s') }),
    camera('roof', 'Roof', { status: status('offline', 'connection refused by 10.0.0.4:554') }),
    camera('annex', 'Annex', { enabled: false, status: status('disabled') }),
  ];
}

const KINDS = [
  { kind: 'intrusion', rule: 'yard', direction: null },
  { kind: 'line_crossing', rule: 'barrier', direction: 'left_to_right' },
  { kind: 'track', rule: null, direction: null },
];

/** The `seq`th event, `ago` milliseconds old. */
export function event(seq, ago, rest = {}) {
  const kind = KINDS[seq % 3];
  const id = ['gate', 'yard', 'corridor'][seq % 3];
  const [start, end] = [Date.now() - ago, Date.now() - ago + 7_000];
  return {
    seq,
    id: `${id}-3.0-${seq}`,
    camera: id,
    state: 'ended',
    ...kind,
    class: CLASSES[(seq * 7) % CLASSES.length],
    score: 0.55 + ((seq * 13) % 40) / 100,
    track: `${id}/3.0/${seq}`,
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
    media_start: seq * 10,
    media_end: seq * 10 + 7,
    size: [640, 360],
    box: [64, 36, 128, 180],
    box_unit: [0.1, 0.1, 0.2, 0.5],
    picture: seq % 7 !== 3,
    picture_boxes: seq % 7 !== 3,
    clip: seq % 5 !== 2,
    review: ['new', 'new', 'confirmed', 'dismissed'][seq % 4],
    reviewed_by: seq % 4 > 1 ? 'mira' : null,
    reviewed_at: seq % 4 > 1 ? new Date(end + 60_000).toISOString() : null,
    ...rest,
  };
}

const events = () =>
  Array.from({ length: 130 }, (_, index) => event(130 - index, 60_000 + index * index * 30_000));

const HOUR = 3_600_000;

/** Everything; empty as after the first start, or with something of everything. */
export function makeState(isEmpty) {
  const created = new Date(Date.now() - 100 * HOUR).toISOString();
  const users = [
    { name: 'admin', role: 'admin', cameras: null, created },
    { name: 'mira', role: 'operator', cameras: null, created },
    { name: 'porter', role: 'viewer', cameras: ['gate', 'yard'], created },
  ];
  const tokens = [
    { id: 't1', name: 'Grafana', scopes: ['metrics'], cameras: null, created, last_used: created },
    {
      id: 't2',
      name: 'Control room',
      scopes: ['view', 'operate'],
      cameras: ['gate'],
      created,
      last_used: null,
    },
  ];
  const sinks = [
    {
      name: 'log',
      kind: 'file',
      path: 'events.jsonl',
      url: null,
      origin: 'file',
      pending: 0,
      dead: 0,
      oldest: null,
    },
    {
      name: 'control-room',
      kind: 'webhook',
      path: null,
      url: 'https://***@alarms.example.org/iris',
      origin: 'store',
      pending: 12,
      dead: 3,
      oldest: created,
    },
  ];
  const models = [
    {
      name: 'people',
      path: 'models/people',
      task: 'detect',
      input: [416, 416],
      classes: CLASSES,
      precision: 'fp32',
      min_score: 0.3,
      license: 'Apache-2.0',
    },
    {
      name: 'iris-n',
      path: 'iris-n',
      task: 'detect',
      input: [384, 224],
      classes: ['person', 'bicycle', 'car', 'motorcycle', 'bus', 'truck'],
      precision: 'int8',
      min_score: 0.3,
      license: 'MIT OR Apache-2.0',
    },
  ];
  return isEmpty
    ? { users: users.slice(0, 1), tokens: [], sinks: [], cameras: [], events: [], models }
    : { users, tokens, sinks, cameras: cameras(), events: events(), models };
}

export { camera };

/** What models see in a picture of 640 × 360. */
export const detections = [
  { class: 'person', score: 0.91, box: [492.8, 165.6, 556.8, 230.4] },
  { class: 'car', score: 0.64, box: [40, 210.5, 210.2, 330] },
  { class: 'truck', score: 0.38, box: [250.7, 20, 400, 130.3] },
  { class: 'dog', score: 0.17, box: [330, 250, 380, 300] },
];

export function system(began) {
  const seconds = (Date.now() - began) / 1000;
  const stage = (name, rate, dropped, p50, p95) => {
    const received = Math.round(rate * (seconds + 900));
    const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    return {
      name,
      received,
      emitted: received - lost - 2,
      dropped,
      in_flight: 2,
      age_ms_p50: p50,
      age_ms_p95: p95,
    };
  };
  const device = (name, inferences, busy_share) => ({
    name,
    kind: 'cpu',
    state: 'running',
    seconds: 190_000 + seconds,
    error: null,
    inferences,
    busy_share,
  });
  return {
    version: '0.1.0',
    uptime_seconds: 190_000 + seconds,
    run: 3,
    health: 'degraded',
    problems: ['ramp: no picture for 12 s', 'roof: connection refused by 10.0.0.4:554'],
    cpu_seconds: seconds * 1.3,
    memory_bytes: 412e6,
    threads: 19,
    store: {
      events: 18_204,
      database_bytes: 38e6,
      media_bytes: 21.4e9,
      disk_free_bytes: 310e9,
      disk_total_bytes: 512e9,
      waiting: 0,
      stalled: null,
    },
    devices: [
      device('cpu-0', Math.round(seconds * 11), 0.62),
      device('cpu-1', Math.round(seconds * 11), 0.59),
    ],
    stages: [
      stage('decode', 72, { not_decodable: 4 }, 6, 14),
      stage('infer', 30, { older_picture: 318 }, 48, 110),
      stage('analytics', 22, {}, 51, 118),
      stage('store', 0.2, {}, 60, 190),
    ],
  };
}

export const topology = {
  stages: [
    { name: 'decode', threads: 2 },
    { name: 'infer', threads: 2 },
    { name: 'analytics', threads: 1 },
    { name: 'store', threads: 1 },
  ],
  queues: [
    { name: 'packets', capacity: 64, depth: 1, when_full: 'drops up to the next key frame' },
    { name: 'slots', capacity: 1, depth: 0, when_full: 'replaces the older' },
    { name: 'analytics', capacity: 16, depth: 0, when_full: 'waits' },
    { name: 'reports', capacity: 256, depth: 0, when_full: 'waits' },
  ],
};
