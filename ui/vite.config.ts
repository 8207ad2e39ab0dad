// How the page is built, served while developing, and tested.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Where `npm run dev` finds the API: a running server, or `npm run mock`. */
const server = process.env['IRIS_SERVER'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist/page',
    // The oldest that have everything the page needs: light-dark(), requestVideoFrameCallback, :has().
    target: ['chrome123', 'firefox132', 'safari17.5'],
    // Nothing inline: the server's content security policy refuses it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Swagger UI, which is fetched only where it is shown.
    chunkSizeWarningLimit: 1_600,
    license: { fileName: 'licences.md' },
  },
  server: { proxy: { '/api': { target: server, ws: true } } },
  test: {
    environment: 'happy-dom',
    environmentOptions: { happyDOM: { url: 'http://iris.test/' } },
    setupFiles: ['src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    // Longer than what a test waits for, see src/test/setup.ts.
    testTimeout: 60_000,
  },
});
