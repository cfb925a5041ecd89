/**
 * A thousand sockets that follow prices, and how long a price takes to them: from its append to the log, as the log
 * itself notes it, until the frame has come. One clock for both, since all processes run on this machine.
 *
 *   embedded   one process: feed ─▶ log ─▶ cache ─▶ its sockets
 *   servers    one with the feed and all that follows orders ─▶ Kafka ─▶ two with market data ─▶ Redis ─▶ the sockets of both
 */
import { join } from 'node:path';
import { exportDataFolder } from '#composition/log-transfer.ts';
import { decodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { readExport } from '#infrastructure/event-log/read-export.ts';
import { type BenchPlace, SERVER_OPTIONS, serverOf } from './bench-place.ts';
import { type BenchProgram, benchFolder, openBenchAccounts, startBenchProgram } from './bench-program.ts';
import type { Bench } from './bench-result.ts';
import { latencyHistogram, percentiles } from './open-loop.ts';

const SOCKETS = 1_000;
const SYMBOLS_PER_SOCKET = 5;
const WATCH_MS = 10_000;
const US_PER_MS = 1_000;
/** All that a gateway for market data leaves to another process. */
const OTHERS = [
  'trade-execution',
  'trade-persistence',
  'portfolio',
  'query',
  'order',
  'market-ingestion',
  'api-gateway',
];
const MARKET_DATA = ['market-data', 'api-gateway'];
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

interface Hall {
  /** Where accounts are opened. */
  readonly first: BenchProgram;
  /** Where sockets are opened. */
  readonly doors: readonly BenchProgram[];
  /** All of them, once. */
  stop(): Promise<void>;
}

async function openHall(folder: string, place: BenchPlace): Promise<Hall> {
  const feed = ['--feed', 'simulated'];
  if (place.kind === 'embedded') {
    const program = await startBenchProgram(join(folder, 'data'), feed, place);
    return hallOf(program, [program]);
  }
  const first = await startBenchProgram(join(folder, 'data'), [...OTHERS, ...feed], place);
  const doors: BenchProgram[] = [];
  try {
    for (const name of ['one', 'two']) {
      doors.push(await startBenchProgram(join(folder, name), MARKET_DATA, place));
    }
  } catch (error) {
    await hallOf(first, doors).stop();
    throw error;
  }
  return hallOf(first, doors);
}

function hallOf(first: BenchProgram, doors: readonly BenchProgram[]): Hall {
  let stopping: Promise<unknown> | null = null;
  return {
    first,
    doors,
    async stop() {
      stopping ??= Promise.all([...new Set([...doors, first])].map((program) => program.stop()));
      await stopping;
    },
  };
}

/** When each price was appended, ms, by event id. */
async function appendTimes(
  dataFolder: string,
  place: BenchPlace,
  file: string,
): Promise<ReadonlyMap<string, number>> {
  await exportDataFolder(dataFolder, serverOf(place, 'event_log')?.address ?? null, file, () => {});
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

/** Opened one after another, over all doors in turn, each following its symbols. */
async function openSockets(
  doors: readonly BenchProgram[],
  credential: string,
  onFrame: (frame: string) => void,
): Promise<readonly WebSocket[]> {
  const open: WebSocket[] = [];
  for (let index = 0; index < SOCKETS; index += 1) {
    const door = doors[index % doors.length];
    if (door === undefined) break;
    const socket = await openSocket(door, credential);
    socket.addEventListener('message', ({ data: frame }) => onFrame(String(frame)));
    for (let at = 0; at < SYMBOLS_PER_SOCKET; at += 1) {
      const symbol = NAMES[(index + at) % NAMES.length] ?? 'AAPL';
      socket.send(JSON.stringify([String(at), String(at), `prices:${symbol}`, 'phx_join', {}]));
    }
    open.push(socket);
  }
  return open;
}

const sockets: Bench = {
  name: 'sockets',
  sentence: `${SOCKETS} sockets, each following ${SYMBOLS_PER_SOCKET} symbols of the simulated feed for ${WATCH_MS / 1_000} s; on servers over two market-data processes.`,
  runs: 1,
  // Several processes, none of which may have a store of its own.
  onServers: { needs: SERVER_OPTIONS },
  run: async (place) => {
    const folder = benchFolder();
    const hall = await openHall(folder.path, place);
    let open: readonly WebSocket[] = [];
    try {
      const [account] = await openBenchAccounts(hall.first.operator, 1);
      let received: Received[] = [];
      const startedAt = performance.now();
      open = await openSockets(hall.doors, account?.credential ?? '', (frame) => {
        if (frame.includes('"price_update"')) received.push({ frame, atMs: Date.now() });
      });
      const openedMs = performance.now() - startedAt;
      received = [];
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      const watched = received;
      received = [];
      const figures = {
        sockets: open.filter(({ readyState }) => readyState === WebSocket.OPEN).length,
        opened_ms: openedMs,
        updates_per_second: watched.length / (WATCH_MS / 1_000),
        resident_mib: hall.doors[0]?.residentMib() ?? 0,
      };
      await hall.stop();
      const times = await appendTimes(join(folder.path, 'data'), place, join(folder.path, 'log.ndjson'));
      return { ...figures, ...fanOut(watched, times) };
    } finally {
      for (const socket of open) socket.close();
      await hall.stop();
      folder.remove();
    }
  },
};

export const SOCKET_BENCHES: readonly Bench[] = [sockets];
