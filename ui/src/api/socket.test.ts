import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connect } from './socket';

/** A WebSocket whose other end is the test. */
class FakeSocket {
  static made: FakeSocket[] = [];
  binaryType = 'blob';
  onopen: () => void = () => undefined;
  onmessage: (event: { data: unknown }) => void = () => undefined;
  onclose: () => void = () => undefined;
  readonly address: string;

  constructor(address: string) {
    this.address = address;
    FakeSocket.made.push(this);
  }

  close() {
    this.onclose();
  }
}

const last = () => FakeSocket.made.at(-1) as FakeSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  FakeSocket.made = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('connect', () => {
  test('hands messages on and takes binary ones as buffers', () => {
    const message = vi.fn();
    connect(() => 'ws://a', { message });
    expect(last().binaryType).toBe('arraybuffer');
    last().onmessage({ data: 'x' });
    expect(message).toHaveBeenCalledWith('x');
  });

  test('comes back after a wait that grows until a connection lasts', () => {
    const connected = vi.fn();
    let tries = 0;
    connect(() => `ws://a/${++tries}`, { message: () => undefined, connected });
    const waits = [0, 0, 0, 6_000].map((lasted) => {
      vi.advanceTimersByTime(lasted);
      last().onclose();
      const before = FakeSocket.made.length;
      let waited = 0;
      for (; FakeSocket.made.length === before; waited += 50) vi.advanceTimersByTime(50);
      return waited;
    });
    expect(waits[0]).toBeLessThanOrEqual(500);
    expect(waits[2]).toBeGreaterThanOrEqual(1000);
    expect(waits[3]).toBeLessThanOrEqual(500);
    expect(last().address).toBe('ws://a/5');
    last().onopen();
    expect(connected.mock.calls).toEqual([[false], [false], [false], [false], [true]]);
  });

  test('once closed it stays away', () => {
    const connected = vi.fn();
    const socket = connect(() => 'ws://a', { message: () => undefined, connected });
    socket.close();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.made).toHaveLength(1);
    expect(connected).not.toHaveBeenCalled();
  });
});
