// What the page uses of Swagger UI, which comes without types.

declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  interface SwaggerRequest {
    method?: string;
    headers: Record<string, string>;
  }

  interface SwaggerResponse {
    req?: SwaggerRequest;
  }

  export default function SwaggerUI(options: {
    domNode: HTMLElement | null;
    url: string;
    validatorUrl: string | null;
    plugins: (() => object)[];
    tryItOutEnabled: boolean;
    defaultModelsExpandDepth: number;
    showMutatedRequest: boolean;
    requestInterceptor(request: SwaggerRequest): SwaggerRequest;
    responseInterceptor(response: SwaggerResponse): SwaggerResponse;
  }): void;
}
