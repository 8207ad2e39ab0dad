import { HttpResponse } from 'msw';
import { describe, expect, test } from 'vitest';
import { answers, handles, problem, server } from '../test/server';
import { Problem, query, request, setCsrf, socketUrl } from './client';

describe('request', () => {
  test('gives what the server answers', async () => {
    answers('get', '/cameras', { items: [] });
    expect(await request('GET', '/cameras')).toEqual({ items: [] });
  });

  test('sends the session’s token with what changes something, and only then', async () => {
    const sent: (string | null)[] = [];
    const take = (request: Request) => {
      sent.push(request.headers.get('x-csrf-token'));
      return new HttpResponse(null, { status: 204 });
    };
    handles('get', '/session', () => HttpResponse.json({ ok: sent.push('none') }));
    handles('delete', '/session', take);
    setCsrf('abc');
    await request('GET', '/session');
    expect(await request('DELETE', '/session')).toBeUndefined();
    expect(sent).toEqual(['none', 'abc']);
  });

  test('rejects with the problem that the server tells', async () => {
    handles('post', '/cameras', () =>
      problem(422, 'invalid', 'This is no camera.', [{ path: '/url', message: 'no address' }]),
    );
    const failure = await request('POST', '/cameras', {}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Problem);
    expect(failure).toMatchObject({ status: 422, code: 'invalid', message: 'This is no camera.' });
    expect((failure as Problem).at('url')).toBe('no address');
    expect((failure as Problem).at('name')).toBeUndefined();
  });

  test('sends a file as it is', async () => {
    const sent: unknown[] = [];
    handles('post', '/models/people/detect', async (request) => {
      sent.push(request.headers.get('content-type'), await request.text());
      return HttpResponse.json({});
    });
    await request('POST', '/models/people/detect', new File(['pixels'], 'a.png', { type: 'image/png' }));
    expect(sent).toEqual(['image/png', 'pixels']);
  });

  test('tells when it may be tried again, where the server does', async () => {
    const busy = (headers: HeadersInit) =>
      handles('get', '/system', () => HttpResponse.json({}, { status: 503, headers }));
    busy({ 'retry-after': '2' });
    await expect(request('GET', '/system')).rejects.toMatchObject({ status: 503, retryAfter: 2 });
    busy({});
    await expect(request('GET', '/system')).rejects.toMatchObject({ retryAfter: null });
  });

  test('makes a problem of an answer that is none', async () => {
    handles('get', '/system', () => HttpResponse.text('bad gateway', { status: 502 }));
    await expect(request('GET', '/system')).rejects.toMatchObject({ status: 502, code: 'unknown' });
  });

  test('makes a problem of no answer', async () => {
    handles('get', '/system', () => HttpResponse.error());
    await expect(request('GET', '/system')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
  });

  test('an abort stays an abort', async () => {
    answers('get', '/system', {});
    const abort = new AbortController();
    abort.abort();
    await expect(request('GET', '/system', undefined, abort.signal)).rejects.not.toBeInstanceOf(Problem);
    server.resetHandlers();
  });
});

test('a query string holds what is set', () => {
  expect(query({ camera: 'a&b', kind: undefined, review: '', cursor: null, limit: 2 })).toBe(
    '?camera=a%26b&limit=2',
  );
  expect(query({})).toBe('');
});

test('a WebSocket’s address is that of the page', () => {
  expect(socketUrl('/events/stream')).toBe('ws://iris.test/api/v1/events/stream');
});
