import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { HttpResponse } from 'msw';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { sampleCamera, sampleEvent, sampleModel, sampleSeen, sampleSystem } from '../test/samples';
import { answers, handles, problem } from '../test/server';
import { show } from '../test/show';

const SESSION = {
  user: { name: 'mira', role: 'admin', cameras: null, created: '2026-01-01T00:00:00Z' },
  csrf: 'abc',
};

const signedIn = (role = 'admin') =>
  answers('get', '/session', { ...SESSION, user: { ...SESSION.user, role } });

describe('the door', () => {
  beforeEach(() => handles('get', '/session', () => problem(401, 'unauthenticated', 'Sign in first.')));

  test('who is not signed in signs in', async () => {
    answers('get', '/setup', { required: false });
    answers('get', '/cameras', { items: [] });
    handles('post', '/session', async (request) => {
      const { password } = (await request.json()) as { password: string };
      return password === 'right'
        ? HttpResponse.json(SESSION)
        : problem(401, 'wrong', 'Name or password is wrong.');
    });
    show('/cameras');
    await userEvent.type(await screen.findByLabelText('Name'), 'mira');
    await userEvent.type(screen.getByLabelText('Password'), 'wrong{Enter}');
    expect((await screen.findByRole('alert')).textContent).toContain('Name or password is wrong.');
    await userEvent.clear(screen.getByLabelText('Password'));
    await userEvent.type(screen.getByLabelText('Password'), 'right{Enter}');
    expect(await screen.findByText('No cameras yet')).toBeTruthy();
  });

  test('the first one sets up, with the token of the address', async () => {
    let sent: unknown;
    answers('get', '/setup', { required: true });
    answers('get', '/cameras', { items: [] });
    answers('get', '/events', { items: [], next: null });
    handles('post', '/setup', async (request) => {
      sent = await request.json();
      return HttpResponse.json(SESSION, { status: 201 });
    });
    show('/setup#token=t0ken');
    await userEvent.type(await screen.findByLabelText('New password'), 'a long password');
    await userEvent.type(screen.getByLabelText('New password again'), 'another password{Enter}');
    expect(screen.getByText('The two are not the same')).toBeTruthy();
    expect(sent).toBeUndefined();
    await userEvent.clear(screen.getByLabelText('New password again'));
    await userEvent.type(screen.getByLabelText('New password again'), 'a long password{Enter}');
    expect(await screen.findByText('No cameras to watch yet')).toBeTruthy();
    expect(sent).toEqual({ token: 't0ken', name: 'admin', password: 'a long password' });
  });
});

describe('events', () => {
  const events = [3, 2, 1].map((seq) => sampleEvent(seq));

  beforeEach(() => {
    answers('get', '/cameras', { items: [sampleCamera()] });
    answers('get', '/models', { items: [] });
    answers('get', '/events', { items: events, next: null });
    handles('get', '/events/:id', ({ url }) =>
      HttpResponse.json(events.find(({ id }) => url.endsWith(id)) ?? {}),
    );
  });

  const currentEvent = () => document.querySelector('[aria-current="true"]')?.getAttribute('data-event');

  test('one key moves, one judges and goes on', async () => {
    signedIn('operator');
    const judged: unknown[] = [];
    handles('patch', '/events/:id', async (request) => {
      const body = (await request.json()) as { review: 'dismissed' };
      const event = events.find(({ id }) => request.url.endsWith(id));
      judged.push([event?.id, body.review]);
      return HttpResponse.json({ ...event, ...body });
    });
    show('/events');
    await screen.findAllByText('Person in yard');
    await userEvent.keyboard('j');
    await waitFor(() => expect(currentEvent()).toBe('gate-1.0-3'));
    await userEvent.keyboard('jj');
    await waitFor(() => expect(currentEvent()).toBe('gate-1.0-1'));
    await userEvent.keyboard('k');
    await waitFor(() => expect(currentEvent()).toBe('gate-1.0-2'));
    await userEvent.keyboard('d');
    await waitFor(() => expect(judged).toEqual([['gate-1.0-2', 'dismissed']]));
    await waitFor(() => expect(currentEvent()).toBe('gate-1.0-1'));
    expect(within(screen.getByRole('list', { name: /newest first/ })).getByText('Dismissed')).toBeTruthy();
    await userEvent.keyboard('?');
    expect(await screen.findByText('Confirm the alarm')).toBeTruthy();
  });

  test('a viewer judges nothing', async () => {
    signedIn('viewer');
    show('/events/gate-1.0-3');
    expect((await screen.findAllByText('87 % sure', { exact: false })).length).toBe(1);
    await userEvent.keyboard('c');
    expect(screen.queryByRole('button', { name: /Confirm/ })).toBeNull();
  });

  test('without any it says so, and with a filter why', async () => {
    signedIn();
    answers('get', '/events', { items: [], next: null });
    show('/events?camera=gate');
    expect(await screen.findByText('No event fits')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Clear' }));
    expect(await screen.findByText('No events yet')).toBeTruthy();
  });

  test('a failure is told and can be tried again', async () => {
    signedIn();
    handles('get', '/events', () => problem(500, 'internal', 'The store does not answer.'));
    show('/events');
    expect(await screen.findByText('The store does not answer.')).toBeTruthy();
    answers('get', '/events', { items: events, next: null });
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findAllByText('Person in yard')).toHaveLength(3);
  });
});

describe('cameras', () => {
  beforeEach(() => {
    signedIn();
    answers('get', '/models', { items: [{ name: 'people', classes: ['person', 'car'] }] });
  });

  test('a camera is tried, then added', async () => {
    let added: unknown;
    handles('post', '/cameras/test', async (request) => {
      const { url } = (await request.json()) as { url: string };
      if (url.endsWith('/bad')) return problem(422, 'source_failed', 'connection refused');
      return HttpResponse.json({
        codec: 'h264',
        width: 640,
        height: 360,
        frames_per_second: 25,
        picture: null,
      });
    });
    handles('post', '/cameras', async (request) => {
      added = await request.json();
      return HttpResponse.json(sampleCamera({ id: 'main-gate' }), { status: 201 });
    });
    answers('get', '/cameras/main-gate', sampleCamera({ id: 'main-gate' }));
    show('/cameras/new');
    await userEvent.type(await screen.findByLabelText('Address'), 'rtsp://10.0.0.1/bad');
    await userEvent.click(screen.getByRole('button', { name: 'Try it' }));
    expect(await screen.findByText('connection refused')).toBeTruthy();
    await userEvent.clear(screen.getByLabelText('Address'));
    await userEvent.type(screen.getByLabelText('Address'), 'rtsp://10.0.0.1/good');
    await userEvent.click(screen.getByRole('button', { name: 'Try it' }));
    expect(await screen.findByText('It answers')).toBeTruthy();
    await userEvent.type(screen.getByLabelText('Name'), 'Main gate');
    await userEvent.click(screen.getByRole('button', { name: 'Add the camera' }));
    await screen.findByRole('heading', { name: 'Zones and lines' });
    expect(added).toEqual({
      id: 'main-gate',
      name: 'Main gate',
      url: 'rtsp://10.0.0.1/good',
      transport: 'tcp',
    });
  });

  test('a zone is put, named, limited to a class and saved', async () => {
    let patch: { zones?: unknown[] } = {};
    answers('get', '/cameras/gate', sampleCamera());
    handles('patch', '/cameras/gate', async (request) => {
      patch = (await request.json()) as typeof patch;
      return HttpResponse.json(sampleCamera(patch as object));
    });
    show('/cameras/gate');
    await userEvent.click(await screen.findByRole('button', { name: 'Draw a zone' }));
    await userEvent.click(screen.getByRole('button', { name: 'Put a rectangle' }));
    const rules = screen.getByRole('region', { name: 'Zones and lines' });
    await userEvent.clear(within(rules).getByLabelText('Name'));
    await userEvent.type(within(rules).getByLabelText('Name'), 'yard');
    await userEvent.click(within(rules).getByRole('button', { name: 'person' }));
    screen.getByRole('button', { name: /Point 1 of 4 of yard/ }).focus();
    await userEvent.keyboard('{Shift>}{ArrowRight}{/Shift}');
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(patch.zones).toHaveLength(1));
    expect(patch.zones?.[0]).toMatchObject({
      name: 'yard',
      classes: ['person'],
      polygon: [
        [0.325, 0.4],
        [0.7, 0.4],
        [0.7, 0.85],
        [0.3, 0.85],
      ],
    });
  });

  test('one from the file says so and cannot be changed', async () => {
    answers('get', '/cameras/gate', sampleCamera({ origin: 'file' }));
    show('/cameras/gate');
    expect(await screen.findByText(/is changed only there/)).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Draw a zone' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Remove this camera' })).toBeNull();
    expect(screen.getByLabelText('Address')).toHaveProperty('disabled', false);
    expect(screen.getByLabelText('Address').closest('fieldset')).toHaveProperty('disabled', true);
  });
});

describe('models', () => {
  const picture = new File(['pixels'], 'street.jpg', { type: 'image/jpeg' });
  const card = () => screen.findByRole('region', { name: 'people' });

  beforeEach(() => {
    vi.stubGlobal('createImageBitmap', async () => ({ width: 640, height: 360 }));
    answers('get', '/models', { items: [sampleModel(), sampleModel({ name: 'other' })] });
  });

  test('a chosen picture is sent to the model, and what it finds is listed from the least score on', async () => {
    signedIn();
    const sent: unknown[] = [];
    handles('post', '/models/people/detect', async (request) => {
      sent.push(new URL(request.url).search, request.headers.get('x-csrf-token'), await request.text());
      return HttpResponse.json(sampleSeen);
    });
    show('/models');
    const people = within(await card());
    expect(people.getByText('416 × 416 pixels')).toBeTruthy();
    await userEvent.upload(people.getByLabelText(/Choose a picture/), picture);
    expect((await people.findByRole('status')).textContent).toMatch(
      /^2 found in 640 × 360 pixels, after \d+ ms$/,
    );
    expect(sent).toEqual(['?min_score=0.1', 'abc', 'pixels']);
    expect(people.getByText('Person 91 %').closest('li')?.textContent).toContain('64 × 180 at 64, 36');
    expect(people.getByText('Car 40 %')).toBeTruthy();
    const least = people.getByLabelText('Least score');
    expect(least).toHaveProperty('value', '0.4');
    fireEvent.change(least, { target: { value: '0.1' } });
    expect(people.getByText('Car 20 %')).toBeTruthy();
    fireEvent.change(least, { target: { value: '0.95' } });
    expect(people.getByRole('status').textContent).toMatch(/^Nothing found/);
    expect(people.queryByText('Person 91 %')).toBeNull();
  });

  test('it is dropped or pasted as well; what is no file is told', async () => {
    signedIn();
    let count = 0;
    handles('post', '/models/people/detect', () => {
      count += 1;
      return HttpResponse.json(sampleSeen);
    });
    show('/models');
    const people = await card();
    fireEvent.drop(people, { dataTransfer: { files: [picture] } });
    await within(people).findByText('2 found');
    fireEvent.paste(people, { clipboardData: { files: [] } });
    expect((await within(people).findByRole('alert')).textContent).toContain('There is no picture in it.');
    expect(within(people).queryByText('2 found')).toBeNull();
    fireEvent.paste(people, { clipboardData: { files: [picture] } });
    await within(people).findByText('2 found');
    expect(count).toBe(2);
  });

  test('a busy server says when to try again', async () => {
    signedIn();
    const busy = { status: 503, headers: { 'retry-after': '2' } };
    handles('post', '/models/people/detect', () => HttpResponse.json({ detail: 'too many wait' }, busy));
    show('/models');
    const people = within(await card());
    await userEvent.upload(people.getByLabelText(/Choose a picture/), picture);
    const alert = await people.findByRole('alert');
    expect(alert.textContent).toBe('too many waitTry again in 2 s.');
    answers('post', '/models/people/detect', sampleSeen);
    await userEvent.click(people.getByRole('button', { name: 'Try again' }));
    await people.findByText('2 found');
  });

  test('the way there is shown to who may ask models', async () => {
    signedIn();
    const { unmount } = show('/models');
    await card();
    expect(screen.getByText('Models', { selector: '.menu a' })).toBeTruthy();
    unmount();
    signedIn('operator');
    answers('get', '/cameras', { items: [] });
    show('/cameras');
    await screen.findByText('No cameras yet');
    expect(screen.queryByText('Models', { selector: '.menu a' })).toBeNull();
  });
});

describe('the system', () => {
  test('a lost device says since when and why, and which ones stand by', async () => {
    const device = {
      kind: 'cpu',
      state: 'running',
      seconds: 90,
      error: null,
      inferences: 7,
      busy_share: 0.5,
    };
    const lost = { ...device, name: 'cuda-0', kind: 'cuda', state: 'lost', error: 'no CUDA-capable device' };
    signedIn();
    answers('get', '/system/topology', { stages: [], queues: [] });
    answers(
      'get',
      '/system',
      sampleSystem({
        health: 'degraded',
        problems: ['device cuda-0: no CUDA-capable device'],
        devices: [lost, { ...device, name: 'cpu-0' }, { ...device, name: 'cpu-1', state: 'standby' }],
      }),
    );
    show('/system');
    const devices = within(await screen.findByLabelText('Devices'));
    expect(devices.getByText('Lost')).toBeTruthy();
    expect(devices.getByText('Standby')).toBeTruthy();
    expect(devices.queryByText('Running')).toBeNull();
    expect(devices.getByText('Lost for 1 min 30 s: no CUDA-capable device')).toBeTruthy();
  });
});
