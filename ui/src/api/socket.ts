// A WebSocket that comes back: reconnects with a growing wait until it is closed. Knows nothing of what is said on it.

import { backoff } from '../lib/backoff';

export interface Listener {
  message(data: string | ArrayBuffer): void;
  /** Called with false when the connection is lost, and with true when it stands again. */
  connected?(is: boolean): void;
}

export interface Socket {
  /** Gives this connection up and makes another, soon. */
  restart(): void;
  close(): void;
}

/** What held so long was no failure, in milliseconds: what ends sooner is tried less and less often. */
const LASTING = 5_000;

/** Connects to what `address` gives, which is asked again at each try. */
export function connect(address: () => string, listener: Listener): Socket {
  const wait = backoff();
  let began = 0;
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const open = () => {
    const opened = new WebSocket(address());
    socket = opened;
    began = Date.now();
    opened.binaryType = 'arraybuffer';
    opened.onopen = () => listener.connected?.(true);
    opened.onmessage = ({ data }) => listener.message(data);
    opened.onclose = () => {
      if (socket !== opened) return;
      listener.connected?.(false);
      if (Date.now() - began > LASTING) wait.reset();
      timer = setTimeout(open, wait.next());
    };
  };
  open();

  return {
    restart: () => socket?.close(),
    close() {
      clearTimeout(timer);
      const last = socket;
      socket = null;
      last?.close();
    },
  };
}
