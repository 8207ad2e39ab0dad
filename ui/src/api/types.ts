// The objects of the server's API, under the names by which the page knows them.

export type Role = 'admin' | 'operator' | 'viewer';
export type Scope = 'view' | 'operate' | 'admin' | 'metrics';

export interface User {
  name: string;
  role: Role;
  /** The cameras that this user may see; null: all. */
  cameras: string[] | null;
  created: string;
}

export interface Session {
  user: User;
  /** Sent back as `x-csrf-token` with everything that changes something. */
  csrf: string;
}

export interface Token {
  id: string;
  name: string;
  scopes: Scope[];
  cameras: string[] | null;
  created: string;
  last_used: string | null;
}

/** The secret is told once, when the token is made. */
export type NewToken = Token & { secret: string };

/** Fractions of the picture from its top left corner, each 0 to 1. */
export type Point = [x: number, y: number];
/** Left, top, right, bottom. */
export type Box = [number, number, number, number];

export type Anchor = 'foot' | 'overlap';
export type Direction = 'both' | 'left_to_right' | 'right_to_left';

export interface Zone {
  name: string;
  polygon: Point[];
  /** Names of the model's classes; empty: all. */
  classes: string[];
  anchor: Anchor;
  min_stay: string;
  leave_after: string;
  schedule: string | null;
}

export interface Line {
  name: string;
  points: Point[];
  direction: Direction;
  classes: string[];
  schedule: string | null;
}

export type CameraState =
  | 'connecting'
  | 'live'
  | 'stalled'
  | 'offline'
  | 'auth_failed'
  | 'failed'
  | 'ended'
  | 'disabled';

export interface CameraStatus {
  state: CameraState;
  error: string | null;
  /** How long it has been so. */
  seconds: number;
  connections: number;
  age_ms: number | null;
  codec: string | null;
  width: number | null;
  height: number | null;
  detections_per_second: number;
  frames_per_second: number;
  drops: Record<string, number>;
  rung: string;
  rung_reason: string;
}

export type Origin = 'file' | 'store';
export type Transport = 'tcp' | 'udp';

export interface Camera {
  id: string;
  name: string;
  /** Without its password. */
  url: string;
  transport: Transport;
  model: string;
  tracker: string;
  rate: number;
  enabled: boolean;
  zones: Zone[];
  lines: Line[];
  origin: Origin;
  status: CameraStatus;
}

export interface CameraInput {
  id: string;
  name?: string;
  url: string;
  transport?: Transport;
  model?: string;
  tracker?: string;
  rate?: number;
  enabled?: boolean;
  zones?: Zone[];
  lines?: Line[];
}

/** What is left out stays as it is. */
export type CameraPatch = Partial<Omit<CameraInput, 'id'>>;

export interface SourceTest {
  codec: string;
  width: number | null;
  height: number | null;
  frames_per_second: number | null;
  /** A JPEG in base64. */
  picture: string | null;
}

export type EventKind = 'track' | 'intrusion' | 'line_crossing';
export type Review = 'new' | 'confirmed' | 'dismissed';

export interface Event {
  seq: number;
  id: string;
  camera: string;
  state: 'started' | 'ended' | 'interrupted';
  kind: EventKind;
  rule: string | null;
  direction: Exclude<Direction, 'both'> | null;
  class: string;
  score: number;
  track: string;
  start: string | null;
  end: string | null;
  media_start: number;
  media_end: number | null;
  size: [width: number, height: number];
  box: Box;
  box_unit: Box;
  picture: boolean;
  picture_boxes: boolean;
  clip: boolean;
  review: Review;
  reviewed_by: string | null;
  reviewed_at: string | null;
}

export interface EventPage {
  items: Event[];
  next: string | null;
}

export interface Model {
  name: string;
  path: string;
  task: string;
  input: [width: number, height: number];
  classes: string[];
  precision: string;
  license: string | null;
}

export interface Sink {
  name: string;
  kind: 'file' | 'webhook';
  path?: string | null;
  url?: string | null;
  origin: Origin;
  pending: number;
  dead: number;
  oldest: string | null;
}

export interface SinkInput {
  name: string;
  kind: 'webhook';
  url: string;
  /** What messages are signed with. */
  secret: string;
}

export interface Stage {
  name: string;
  received: number;
  emitted: number;
  dropped: Record<string, number>;
  in_flight: number;
  age_ms_p50: number | null;
  age_ms_p95: number | null;
}

export interface System {
  version: string;
  uptime_seconds: number;
  run: number;
  health: 'ok' | 'degraded' | 'failed';
  problems: string[];
  cpu_seconds: number;
  memory_bytes: number;
  threads: number;
  store: {
    events: number;
    database_bytes: number;
    media_bytes: number;
    disk_free_bytes: number;
    disk_total_bytes: number;
    waiting: number;
    stalled: string | null;
  };
  devices: { name: string; kind: string; inferences: number; busy_share: number }[];
  stages: Stage[];
}

export interface Topology {
  stages: { name: string; threads: number }[];
  queues: { name: string; capacity: number; depth: number; when_full: string }[];
}
