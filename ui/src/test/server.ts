// The server as tests pretend it: nothing answers unless a test says how.

import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';

export const server = setupServer();

const at = (path: string) => `http://iris.test/api/v1${path}`;

/** `path` answers with `body`. */
export const answers = (
  method: 'get' | 'post' | 'patch' | 'delete',
  path: string,
  body: object | null,
  status = 200,
) =>
  server.use(
    http[method](at(path), () =>
      body === null ? new HttpResponse(null, { status }) : HttpResponse.json(body, { status }),
    ),
  );

/** `path` answers with what `handle` makes of the request. */
export const handles = (
  method: 'get' | 'post' | 'patch' | 'delete',
  path: string,
  handle: (request: Request) => Promise<Response> | Response,
) => server.use(http[method](at(path), ({ request }) => handle(request)));

export const problem = (
  status: number,
  code: string,
  detail: string,
  errors: { path: string; message: string }[] = [],
) =>
  HttpResponse.json(
    { type: `urn:iris:problem:${code}`, title: code, status, code, detail, errors },
    { status },
  );
