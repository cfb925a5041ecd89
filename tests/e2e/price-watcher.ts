/** Follows prices over the socket, as a Phoenix client (serialisation 2.0.0) without a library. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Api, textMember } from './api.ts';
import type { Account } from './workload.ts';

export interface PriceWatcher {
  /** Updates seen, snapshots included. */
  readonly updates: ReadonlyMap<string, number>;
  readonly lastSequence: ReadonlyMap<string, number>;
  close(): void;
}

type Frame = readonly [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: unknown,
];

/** Joins `prices:{symbol}` for each; resolves when every join was answered. Sequences must never go back. */
export async function watchPrices(
  api: Api,
  url: string,
  account: Account,
  symbols: readonly string[],
): Promise<PriceWatcher> {
  const { status, body } = await api.request('POST', '/v1/tickets', {
    credential: account.credential,
    body: {},
  });
  assert.equal(status, 201, JSON.stringify(body));
  const ticket = textMember(body, 'ticket');
  const address = `${url.replace('http', 'ws')}/v1/marketdata/websocket?vsn=2.0.0&ticket=${encodeURIComponent(ticket)}`;
  const socket = new WebSocket(address);
  const updates = new Map<string, number>();
  const lastSequence = new Map<string, number>();
  const joined = new Set<string>();
  const allJoined = Promise.withResolvers<void>();

  function noteSequence(symbol: string, payload: unknown): void {
    const { sequence } = payload as { sequence?: unknown };
    if (typeof sequence !== 'number') return;
    const former = lastSequence.get(symbol) ?? 0;
    if (sequence < former) allJoined.reject(new Error(`${symbol} went back from ${former} to ${sequence}`));
    lastSequence.set(symbol, sequence);
  }

  socket.addEventListener('message', ({ data }) => {
    const [, , topic, event, payload] = JSON.parse(String(data)) as Frame;
    const symbol = topic.replace('prices:', '');
    if (event === 'phx_reply' && topic !== 'phoenix') {
      const reply = payload as { status: string; response: unknown };
      if (reply.status !== 'ok')
        allJoined.reject(new Error(`joining ${topic}: ${JSON.stringify(reply.response)}`));
      noteSequence(symbol, reply.response);
      joined.add(topic);
      if (joined.size === symbols.length) allJoined.resolve();
    }
    if (event === 'price_update') {
      updates.set(symbol, (updates.get(symbol) ?? 0) + 1);
      noteSequence(symbol, payload);
    }
  });
  socket.addEventListener('close', () => allJoined.reject(new Error('the socket was closed')));
  await once(socket, 'open');
  symbols.forEach((symbol, index) => {
    socket.send(JSON.stringify([String(index + 1), String(index + 1), `prices:${symbol}`, 'phx_join', {}]));
  });
  await allJoined.promise;
  // A kill of the program closes the socket later; that is no failure any more.
  return { updates, lastSequence, close: () => socket.close() };
}
