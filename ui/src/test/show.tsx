// Shows the whole page at an address, without a WebSocket.

import { render } from '@testing-library/react';
import { vi } from 'vitest';
import { App } from '../app';

class SilentSocket {
  close() {}
}

class NoObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}

export function show(address: string) {
  vi.stubGlobal('WebSocket', SilentSocket);
  vi.stubGlobal('IntersectionObserver', NoObserver);
  vi.stubGlobal('ResizeObserver', NoObserver);
  window.history.replaceState(null, '', address);
  return render(<App />);
}
