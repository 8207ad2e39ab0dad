import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import { expect, test, vi } from 'vitest';
import { setCsrf } from '../api/client';
import { Swagger } from './swagger';

vi.mock('swagger-ui-dist/swagger-ui-es-bundle.js', () => ({ default: vi.fn() }));

test('what is tried goes with the session’s token, and what it changed is asked anew', () => {
  const client = new QueryClient();
  const forget = vi.spyOn(client, 'invalidateQueries');
  render(
    <QueryClientProvider client={client}>
      <Swagger />
    </QueryClientProvider>,
  );
  const options = vi.mocked(SwaggerUI).mock.calls[0]?.[0];
  if (!options) throw new Error('it is not shown');
  const { requestInterceptor, responseInterceptor } = options;
  setCsrf('abc');
  const get = requestInterceptor({ method: 'GET', headers: {} });
  expect(get.headers).toEqual({});
  responseInterceptor({ req: get });
  expect(forget).not.toHaveBeenCalled();
  const patch = requestInterceptor({ method: 'PATCH', headers: {} });
  expect(patch.headers).toEqual({ 'x-csrf-token': 'abc' });
  responseInterceptor({ req: patch });
  expect(forget).toHaveBeenCalledOnce();
});
