// Talks to the server: adds the session's token to what changes something, and turns every failure into a `Problem`.

export interface FieldError {
  path: string;
  message: string;
}

/** A failure as the server tells it (RFC 9457), or what stood in the way of asking it. */
export class Problem extends Error {
  readonly status: number;
  /** Stable: `managed_by_file`, `source_failed`, …; `unreachable` when there was no answer. */
  readonly code: string;
  readonly errors: FieldError[];
  /** In how many seconds it may succeed, where the server says so. */
  readonly retryAfter: number | null;

  constructor(
    status: number,
    code: string,
    message: string,
    errors: FieldError[] = [],
    retryAfter: number | null = null,
  ) {
    super(message);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }

  /** What is wrong with the field at `path`, for forms. */
  at(path: string): string | undefined {
    return this.errors.find((error) => error.path === path || error.path === `/${path}`)?.message;
  }
}

const ROOT = '/api/v1';

let csrf = '';

/** Takes over the token of a new session; an empty one when it is over. */
export function setCsrf(token: string): void {
  csrf = token;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** What must come with a request that may change something. */
export function csrfHeader(method: string): Record<string, string> {
  return method === 'GET' ? {} : { 'x-csrf-token': csrf };
}

/** Asks the server; a `Blob` goes as it is, any other body as JSON. Rejects with a `Problem`, or with the `AbortError` of `signal`. */
export async function request<T>(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', ...csrfHeader(method) };
  const isFile = body instanceof Blob;
  if (body !== undefined && !isFile) headers['content-type'] = 'application/json';
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (body !== undefined) init.body = isFile ? body : JSON.stringify(body);
  if (signal) init.signal = signal;
  const response = await fetch(url(path), init).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new Problem(0, 'unreachable', 'The server does not answer. Is it running, and is the network up?');
  });
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The address of `path` in the API; each part of `path` is encoded by its caller. */
export function url(path: string): string {
  return `${ROOT}${path}`;
}

/** The same for a WebSocket: an absolute address, as older browsers want it. */
export function socketUrl(path: string): string {
  const address = new URL(url(path), window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  return address.href;
}

/** A query string of what is set. */
export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const set = Object.entries(values).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const text = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof fields[name] === 'string' ? (fields[name] as string) : '');
  const message = text('detail') || text('title') || `The server answered ${response.status}.`;
  const retryAfter = Number(response.headers.get('retry-after')) || null;
  const code = text('code') || 'unknown';
  return new Problem(response.status, code, message, fieldErrors(fields['errors']), retryAfter);
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (entry): entry is FieldError => typeof entry?.path === 'string' && typeof entry?.message === 'string',
  );
}
