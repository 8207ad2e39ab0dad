// Objects of the API as tests need them.

import type { Camera, Event, Model, Seen, System } from '../api/types';

export const sampleEvent = (seq: number, rest: Partial<Event> = {}): Event => ({
  seq,
  id: `gate-1.0-${seq}`,
  camera: 'gate',
  state: 'ended',
  kind: 'intrusion',
  rule: 'yard',
  direction: null,
  class: 'person',
  score: 0.87,
  track: `gate/1.0/${seq}`,
  start: `2026-01-05T10:00:${String(seq % 60).padStart(2, '0')}Z`,
  end: '2026-01-05T10:01:00Z',
  media_start: seq,
  media_end: seq + 7,
  size: [640, 360],
  box: [64, 36, 128, 180],
  box_unit: [0.1, 0.1, 0.2, 0.5],
  picture: true,
  picture_boxes: true,
  clip: true,
  review: 'new',
  reviewed_by: null,
  reviewed_at: null,
  ...rest,
});

export const sampleCamera = (rest: Partial<Camera> = {}): Camera => ({
  id: 'gate',
  name: 'Main gate',
  url: 'rtsp://***@10.0.0.11/stream2',
  transport: 'tcp',
  model: 'people',
  tracker: 'ocsort',
  rate: 5,
  gate: 'motion',
  enabled: true,
  zones: [],
  lines: [],
  origin: 'store',
  status: {
    state: 'live',
    error: null,
    seconds: 12,
    connections: 1,
    age_ms: 80,
    codec: 'h264',
    width: 640,
    height: 360,
    detections_per_second: 5,
    frames_per_second: 25,
    drops: {},
    rung: 'every_frame',
    rung_reason: '',
  },
  ...rest,
});

export const sampleModel = (rest: Partial<Model> = {}): Model => ({
  name: 'people',
  path: 'models/people',
  task: 'detect',
  input: [416, 416],
  classes: ['person', 'car'],
  precision: 'fp32',
  min_score: 0.4,
  license: 'Apache-2.0',
  ...rest,
});

export const sampleSeen: Seen = {
  model: 'people',
  width: 640,
  height: 360,
  detections: [
    { class: 'person', score: 0.91, box: [64, 36, 128, 216] },
    { class: 'car', score: 0.4, box: [300.4, 100.6, 400.4, 150.6] },
    { class: 'car', score: 0.2, box: [0, 0, 20, 20] },
  ],
};

export const sampleSystem = (rest: Partial<System> = {}): System => ({
  version: '0.1.0',
  uptime_seconds: 600,
  run: 1,
  health: 'ok',
  problems: [],
  cpu_seconds: 60,
  memory_bytes: 1e8,
  threads: 9,
  store: {
    events: 0,
    database_bytes: 4096,
    media_bytes: 0,
    disk_free_bytes: 1e9,
    disk_total_bytes: 2e9,
    waiting: 0,
    stalled: null,
  },
  devices: [],
  stages: [],
  ...rest,
});
