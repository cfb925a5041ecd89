/** Orders over HTTP until they are durable (202), and until the portfolio shows them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Histogram } from 'hdr-histogram-js';
import type { BenchPlace } from './bench-place.ts';
import {
  type BenchAccount,
  type BenchProgram,
  benchFolder,
  openBenchAccounts,
  startBenchProgram,
} from './bench-program.ts';
import type { Bench, Figures } from './bench-result.ts';
import { type LoadOutcome, latencyHistogram, percentiles, runOpenLoop } from './open-loop.ts';
import { openRawClient, type RawClient, rawRequest } from './raw-http.ts';

const ACCOUNTS = 64;
const CONNECTIONS = 128;
/** Of reads that wait for a version, so that none waits for another: with 1,000 orders a second, half a second's worth. */
const WAITING_CONNECTIONS = 512;
const SYMBOLS = ['AAPL', 'AMZN', 'BAC', 'JPM', 'MSFT', 'MU', 'QQQ', 'SPY', 'TSLA', 'V'];
const WARM_UP_SECONDS = 5;
const P99_LIMIT_MS = 50;
const LADDER = [
  500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 7_000, 8_000, 10_000, 12_000,
];
const PROBE_SECONDS = 6;
const HOLD_SECONDS = 30;
const VISIBLE_SECONDS = 15;
const REFUSED_SHARE_MAX = 0.001;
/** A rate that is missed by so much is missed. */
const GIVE_UP_BEHIND_SECONDS = 2;
/** The projections are level with the log by then, and what was in flight when a load was given up is answered. */
const SETTLE_MS = 2_000;

interface Loaded {
  readonly program: BenchProgram;
  readonly accounts: readonly BenchAccount[];
  readonly client: RawClient;
}

async function underLoad(place: BenchPlace, work: (loaded: Loaded) => Promise<Figures>): Promise<Figures> {
  const folder = benchFolder();
  const program = await startBenchProgram(folder.path, ['--feed', 'simulated'], place);
  try {
    const accounts = await openBenchAccounts(program.operator, ACCOUNTS);
    const client = await openRawClient(program.host, program.port, CONNECTIONS);
    try {
      return await work({ program, accounts, client });
    } finally {
      client.close();
    }
  } finally {
    await program.stop();
    folder.remove();
  }
}

let nextKey = 0;

/** One share bought, one sold, in turns, so that cash and holdings stay in the middle. */
function orderRequest(accounts: readonly BenchAccount[], index: number): Buffer {
  const account = accounts[index % accounts.length];
  const round = Math.floor(index / accounts.length);
  const symbol = SYMBOLS[Math.floor(round / 4) % SYMBOLS.length] ?? 'AAPL';
  nextKey += 1;
  return rawRequest({
    method: 'POST',
    path: '/v1/orders',
    host: 'bench',
    credential: account?.credential ?? '',
    idempotencyKey: `bench-${nextKey}`,
    // Two of three are bought: a sale that comes before its purchase was seen would be refused.
    body: `{"symbol":"${symbol}","side":"${round % 4 === 3 ? 'SELL' : 'BUY'}","quantity":"1"}`,
  });
}

interface OrdersOutcome extends LoadOutcome {
  /** Of the program, all its threads, while the orders came and until what follows from them was stored. */
  readonly processorUsPerOrder: number;
  readonly diskBytesPerOrder: number;
}

async function load(
  { program, client, accounts }: Loaded,
  ratePerSecond: number,
  seconds: number,
): Promise<OrdersOutcome> {
  const before = program.used();
  const outcome = await runOpenLoop(client, {
    ratePerSecond,
    seconds,
    wantedStatus: 202,
    giveUpBehindSeconds: GIVE_UP_BEHIND_SECONDS,
    request: (index) => orderRequest(accounts, index),
  });
  await delay(SETTLE_MS);
  const after = program.used();
  const accepted = Math.max(1, outcome.answered - outcome.refused);
  return {
    ...outcome,
    processorUsPerOrder: (after.processorUs - before.processorUs) / accepted,
    diskBytesPerOrder: (after.diskBytes - before.diskBytes) / accepted,
  };
}

function figuresOf({ program }: Loaded, outcome: OrdersOutcome): Figures {
  return {
    refused: outcome.refused,
    ...percentiles(outcome.latency, 'latency'),
    processor_us_per_order: outcome.processorUsPerOrder,
    disk_bytes_per_order: outcome.diskBytesPerOrder,
    resident_mib: program.residentMib(),
  };
}

function held(outcome: LoadOutcome, ratePerSecond: number): boolean {
  return (
    outcome.latency.getValueAtPercentile(99) / 1_000 <= P99_LIMIT_MS &&
    outcome.refused <= outcome.sent * REFUSED_SHARE_MAX &&
    outcome.achievedPerSecond >= ratePerSecond * 0.98
  );
}

const ordersSteady: Bench = {
  name: 'orders-steady',
  sentence: 'HTTP order to durable 202 at 1,000 a second for 30 s, open loop.',
  runs: 3,
  onServers: { needs: [] },
  run: (place) =>
    underLoad(place, async (loaded) => {
      await load(loaded, 500, WARM_UP_SECONDS);
      const outcome = await load(loaded, 1_000, HOLD_SECONDS);
      return { orders: outcome.sent, ...figuresOf(loaded, outcome) };
    }),
};

const ordersPeak: Bench = {
  name: 'orders-peak',
  sentence: `The highest rate of HTTP orders to durable 202 held for 30 s with p99 at most ${P99_LIMIT_MS} ms, open loop.`,
  runs: 1,
  onServers: { needs: [] },
  run: (place, tell) =>
    underLoad(place, async (loaded) => {
      await load(loaded, 1_000, WARM_UP_SECONDS);
      const p99 = ({ latency }: LoadOutcome) => (latency.getValueAtPercentile(99) / 1_000).toFixed(1);
      let rung = 0;
      for (; rung < LADDER.length; rung += 1) {
        const rate = LADDER[rung] ?? 0;
        const outcome = await load(loaded, rate, PROBE_SECONDS);
        tell(`${rate}/s: p99 ${p99(outcome)} ms, ${outcome.refused} refused`);
        if (!held(outcome, rate)) break;
      }
      for (rung -= 1; rung >= 0; rung -= 1) {
        const rate = LADDER[rung] ?? 0;
        const outcome = await load(loaded, rate, HOLD_SECONDS);
        tell(`${rate}/s for ${HOLD_SECONDS} s: p99 ${p99(outcome)} ms, ${outcome.refused} refused`);
        if (held(outcome, rate)) return { orders_per_second: rate, ...figuresOf(loaded, outcome) };
      }
      return { orders_per_second: 0 };
    }),
};

/** From each 202 until a read of the portfolio that waits for the next version is answered. */
async function timeUntilVisible(
  { program, client, accounts }: Loaded,
  readers: RawClient,
  ratePerSecond: number,
): Promise<{ readonly visible: Histogram; readonly orders: number; readonly notSeen: number }> {
  const visible = latencyHistogram();
  const versions = new Map<number, number>();
  for (const [which, account] of accounts.entries()) {
    const shown = (await program.operator.call(
      'GET',
      `/operator/accounts/${account.accountId}/portfolio`,
    )) as { readonly version: number };
    versions.set(which, shown.version);
  }
  let notSeen = 0;
  const ask = (index: number, acceptedAt: number): void => {
    const which = index % accounts.length;
    const account = accounts[which];
    if (account === undefined) return;
    const path = `/v1/portfolio/${account.accountId}?minVersion=${(versions.get(which) ?? 0) + 1}`;
    const request = rawRequest({ method: 'GET', path, host: 'bench', credential: account.credential });
    readers.send(request, ({ status, body }) => {
      if (status !== 200) {
        notSeen += 1;
        return;
      }
      visible.recordValue(Math.round((performance.now() - acceptedAt) * 1_000));
      const { version } = JSON.parse(body.toString('utf8')) as { readonly version: number };
      versions.set(which, Math.max(version, versions.get(which) ?? 0));
    });
  };
  const outcome = await runOpenLoop(client, {
    ratePerSecond,
    seconds: VISIBLE_SECONDS,
    wantedStatus: 202,
    request: (index) => orderRequest(accounts, index),
    onAnswer: (index) => ask(index, performance.now()),
  });
  await delay(SETTLE_MS);
  return { visible, orders: outcome.sent, notSeen };
}

const acceptanceToPortfolio: Bench = {
  name: 'acceptance-to-portfolio',
  sentence: 'From the 202 until the portfolio shows the order, at 200 and at 1,000 orders a second.',
  runs: 3,
  onServers: { needs: [] },
  run: (place) =>
    underLoad(place, async (loaded) => {
      await load(loaded, 200, WARM_UP_SECONDS);
      const { host, port } = loaded.program;
      const readers = await openRawClient(host, port, WAITING_CONNECTIONS);
      try {
        const slow = await timeUntilVisible(loaded, readers, 200);
        const fast = await timeUntilVisible(loaded, readers, 1_000);
        return {
          orders: slow.orders + fast.orders,
          not_seen: slow.notSeen + fast.notSeen,
          ...percentiles(slow.visible, 'visible_at_200'),
          ...percentiles(fast.visible, 'visible_at_1000'),
        };
      } finally {
        readers.close();
      }
    }),
};

const ready: Bench = {
  name: 'ready',
  sentence: 'From the start of the process until it is ready, on a fresh folder and again on it.',
  runs: 3,
  onServers: { needs: [] },
  run: async (place) => {
    const folder = benchFolder();
    try {
      const first = await startBenchProgram(folder.path, [], place);
      const firstMib = first.residentMib();
      await first.stop();
      const again = await startBenchProgram(folder.path, [], place);
      await again.stop();
      return { fresh_ms: first.readyMs, again_ms: again.readyMs, resident_mib: firstMib };
    } finally {
      folder.remove();
    }
  },
};

export const ORDER_BENCHES: readonly Bench[] = [ordersSteady, ordersPeak, acceptanceToPortfolio, ready];
