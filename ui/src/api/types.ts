// The objects of the API under the names by which the page knows them. What they are is generated (schema.ts); here stands
// only what the document cannot say, such as that a point is a pair.

import type { components } from './schema';

type Schemas = components['schemas'];

/** The server leaves nothing out of what it answers: what is not there is null. */
type Answer<T> = { [Key in keyof T]-?: Exclude<T[Key], undefined> };

/** `T` with some of its fields known better. */
type Known<T, Fields> = Omit<T, keyof Fields> & Fields;

export type Role = Schemas['Role'];
export type Scope = Schemas['Scope'];
export type User = Answer<Schemas['User']>;
export type Session = Known<Schemas['Session'], { user: User }>;
export type Token = Answer<Schemas['Token']>;
/** The secret is told once, when the token is made. */
export type NewToken = Token & { secret: string };

/** Fractions of the picture from its top left corner, each 0 to 1. */
export type Point = [x: number, y: number];
/** Left, top, right, bottom. */
export type Box = [number, number, number, number];

export type Anchor = Schemas['Anchor'];
export type Direction = Schemas['Direction'];
export type Zone = Known<Answer<Schemas['Zone']>, { polygon: Point[] }>;
export type Line = Known<Answer<Schemas['Line']>, { points: Point[] }>;

export type CameraState =
  | 'connecting'
  | 'live'
  | 'stalled'
  | 'offline'
  | 'auth_failed'
  | 'failed'
  | 'ended'
  | 'disabled';
export type CameraStatus = Known<Answer<Schemas['CameraStatus']>, { state: CameraState }>;
export type Origin = Schemas['Origin'];
export type Transport = Schemas['Transport'];
export type Gate = Schemas['Gate'];
export type Tracker = Schemas['Tracker'];
export type Camera = Known<Answer<Schemas['Camera']>, { zones: Zone[]; lines: Line[]; status: CameraStatus }>;
export type CameraInput = Schemas['CameraInput'];
export type CameraPatch = Schemas['CameraPatch'];
export type SourceTest = Answer<Schemas['Found']>;

export type EventKind = Schemas['EventKind'];
export type Review = Schemas['Verdict'];
export type Event = Known<Answer<Schemas['Event']>, { box: Box; box_unit: Box; size: [number, number] }>;
export type EventPage = Known<Answer<Schemas['Events']>, { items: Event[] }>;

export type Model = Known<Answer<Schemas['Model']>, { input: [width: number, height: number] }>;
/** The box in pixels of the picture. */
export type Detection = Known<Schemas['Detection'], { box: Box }>;
export type Seen = Known<Schemas['Seen'], { detections: Detection[] }>;
export type Sink = Answer<Schemas['Sink']>;
export type SinkInput = Schemas['SinkInput'];
export type Stage = Answer<Schemas['Stage']>;
export type System = Known<
  Answer<Schemas['System']>,
  { stages: Stage[]; store: Answer<Schemas['SystemStore']> }
>;
export type Topology = Schemas['Topology'];
