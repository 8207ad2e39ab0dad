// Swagger UI on the server's description of its API, with the session of this page.

import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import 'swagger-ui-dist/swagger-ui.css';
import { csrfHeader, url } from '../api/client';
import '../styles/reference.css';

const nothing = () => null;

/** Without what this page says itself, and without signing in: one is signed in. */
const bare = () => ({
  components: { InfoContainer: nothing, authorizeOperationBtn: nothing },
});

export function Swagger() {
  const client = useQueryClient();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    SwaggerUI({
      domNode: place.current,
      url: url('/openapi.json'),
      validatorUrl: null,
      plugins: [bare],
      tryItOutEnabled: true,
      defaultModelsExpandDepth: 0,
      // The command line that it shows goes without the session's secret.
      showMutatedRequest: false,
      requestInterceptor(request) {
        Object.assign(request.headers, csrfHeader(request.method ?? 'GET'));
        return request;
      },
      responseInterceptor(response) {
        // What was changed here is shown by the other pages.
        if (response.req?.method !== 'GET') void client.invalidateQueries();
        return response;
      },
    });
  }, [client]);
  return <div ref={place} />;
}
