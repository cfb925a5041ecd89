/**
 * A thousand sockets that follow prices, and how long a price takes to them: from its append to the log, as the log
 * itself notes it, until the frame has come. One clock for both, since both processes run on this machine.
 */
import { join } from 'node:path';
import { exportDataFolder } from '#composition/log-transfer.ts';
import { decodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { readExport } from '#infrastructure/event-log/read-export.ts';
import { type BenchProgram, benchFolder, openBenchAccounts, startBenchProgram } from './bench-program.ts';
import type { Bench } from './bench-result.ts';
import { latencyHistogram, percentiles } from './open-loop.ts';

const SOCKETS = 1_000;
const SYMBOLS_PER_SOCKET = 5;
const WATCH_MS = 10_000;
const US_PER_MS = 1_000;
const NAMES = ['AAPL', 'AMZN', 'BAC', 'JPM', 'MSFT', 'MU', 'QQQ', 'SPY', 'TSLA', 'V'];

/** A frame as it came; it is taken apart after the run, so that this does not slow the next ones. */
interface Received {
  readonly frame: string;
  readonly atMs: number;
}

async function openSocket(program: BenchProgram, credential: string): Promise<WebSocket> {
  const response = await fetch(`http://${program.host}:${program.port}/v1/tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const { ticket } = (await response.json()) as { readonly ticket: string };
  const address = `ws://${program.host}:${program.port}/v1/marketdata/websocket?vsn=2.0.0&ticket=${ticket}`;
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  return socket;
}

/** When each price was appended, ms, by event id. */
async function appendTimes(dataFolder: string, file: string): Promise<ReadonlyMap<string, number>> {
  await exportDataFolder(dataFolder, null, file, () => {});
  const times = new Map<string, number>();
  for await (const line of readExport(file)) {
    if (line.kind !== 'record' || line.body.topic !== TOPIC.marketData || line.body.value === null) continue;
    const decoded = decodeMarketEvent(Buffer.from(line.body.value, 'base64'));
    if (decoded.kind === 'decoded') times.set(decoded.value.eventId, line.body.appendedAtMs);
  }
  return times;
}

function fanOut(
  received: readonly Received[],
  times: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const latency = latencyHistogram();
  for (const { frame, atMs } of received) {
    const [, , , , payload] = JSON.parse(frame) as readonly unknown[];
    const appendedAtMs = times.get((payload as { readonly eventId: string }).eventId);
    if (appendedAtMs !== undefined) latency.recordValue(Math.max(0, atMs - appendedAtMs) * US_PER_MS);
  }
  return percentiles(latency, 'append_to_received');
}

const sockets: Bench = {
  name: 'sockets',
  sentence: `${SOCKETS} sockets, each following ${SYMBOLS_PER_SOCKET} symbols of the simulated feed for ${WATCH_MS / 1_000} s.`,
  runs: 1,
  run: async () => {
    const folder = benchFolder();
    const data = join(folder.path, 'data');
    const program = await startBenchProgram(data, ['--feed', 'simulated']);
    const open: WebSocket[] = [];
    let stopped = false;
    try {
      const [account] = await openBenchAccounts(program.operator, 1);
      let received: Received[] = [];
      let closed = 0;
      const startedAt = performance.now();
      for (let index = 0; index < SOCKETS; index += 1) {
        const socket = await openSocket(program, account?.credential ?? '');
        socket.addEventListener('message', ({ data: frame }) => {
          const atMs = Date.now();
          if (String(frame).includes('"price_update"')) received.push({ frame: String(frame), atMs });
        });
        socket.addEventListener('close', () => {
          closed += 1;
        });
        for (let at = 0; at < SYMBOLS_PER_SOCKET; at += 1) {
          const symbol = NAMES[(index + at) % NAMES.length] ?? 'AAPL';
          socket.send(JSON.stringify([String(at), String(at), `prices:${symbol}`, 'phx_join', {}]));
        }
        open.push(socket);
      }
      const openedMs = performance.now() - startedAt;
      received = [];
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      const watched = received;
      received = [];
      const figures = {
        sockets: open.length - closed,
        opened_ms: openedMs,
        updates_per_second: watched.length / (WATCH_MS / 1_000),
        resident_mib: program.residentMib(),
      };
      stopped = true;
      await program.stop();
      return { ...figures, ...fanOut(watched, await appendTimes(data, join(folder.path, 'log.ndjson'))) };
    } finally {
      for (const socket of open) socket.close();
      if (!stopped) await program.stop();
      folder.remove();
    }
  },
};

export const SOCKET_BENCHES: readonly Bench[] = [sockets];
