/** Orders over HTTP until they are durable (202), and until the portfolio shows them. */

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
const SYMBOLS = ['AAPL', 'AMZN', 'BAC', 'JPM', 'MSFT', 'MU', 'QQQ', 'SPY', 'TSLA', 'V'];
const WARM_UP_SECONDS = 5;
const P99_LIMIT_MS = 50;
const LADDER = [2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 10_000, 12_000];
const PROBE_SECONDS = 8;
const HOLD_SECONDS = 30;
const REFUSED_SHARE_MAX = 0.001;

interface Loaded {
  readonly program: BenchProgram;
  readonly accounts: readonly BenchAccount[];
  readonly client: RawClient;
}

async function underLoad(work: (loaded: Loaded) => Promise<Figures>): Promise<Figures> {
  const folder = benchFolder();
  const program = await startBenchProgram(folder.path, ['--feed', 'simulated']);
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

function load({ client, accounts }: Loaded, ratePerSecond: number, seconds: number): Promise<LoadOutcome> {
  return runOpenLoop(client, {
    ratePerSecond,
    seconds,
    wantedStatus: 202,
    request: (index) => orderRequest(accounts, index),
  });
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
  run: () =>
    underLoad(async (loaded) => {
      await load(loaded, 500, WARM_UP_SECONDS);
      const outcome = await load(loaded, 1_000, HOLD_SECONDS);
      return {
        orders: outcome.sent,
        refused: outcome.refused,
        ...percentiles(outcome.latency, 'latency'),
        resident_mib: loaded.program.residentMib(),
      };
    }),
};

const ordersPeak: Bench = {
  name: 'orders-peak',
  sentence: `The highest rate of HTTP orders to durable 202 held for 30 s with p99 at most ${P99_LIMIT_MS} ms, open loop.`,
  runs: 1,
  run: (tell) =>
    underLoad(async (loaded) => {
      await load(loaded, 1_000, WARM_UP_SECONDS);
      let best = 1_000;
      for (const rate of LADDER) {
        const outcome = await load(loaded, rate, PROBE_SECONDS);
        const p99 = outcome.latency.getValueAtPercentile(99) / 1_000;
        tell(`${rate}/s: p99 ${p99.toFixed(1)} ms, ${outcome.refused} refused`);
        if (!held(outcome, rate)) break;
        best = rate;
      }
      for (let rate = best; rate >= 500; rate -= 500) {
        const outcome = await load(loaded, rate, HOLD_SECONDS);
        tell(
          `${rate}/s for ${HOLD_SECONDS} s: p99 ${(outcome.latency.getValueAtPercentile(99) / 1_000).toFixed(1)} ms`,
        );
        if (!held(outcome, rate)) continue;
        return {
          orders_per_second: rate,
          refused: outcome.refused,
          ...percentiles(outcome.latency, 'latency'),
          resident_mib: loaded.program.residentMib(),
        };
      }
      return { orders_per_second: 0 };
    }),
};

const acceptanceToPortfolio: Bench = {
  name: 'acceptance-to-portfolio',
  sentence: 'From the 202 until the portfolio shows the order, at 200 orders a second.',
  runs: 3,
  run: () =>
    underLoad(async (loaded) => {
      const { client, accounts } = loaded;
      const visible = latencyHistogram();
      const versions = new Map<number, number>(accounts.map((_account, index) => [index, 2]));
      let late = 0;
      const ask = (index: number, acceptedAt: number): void => {
        const which = index % accounts.length;
        const account = accounts[which];
        if (account === undefined) return;
        const path = `/v1/portfolio/${account.accountId}?minVersion=${(versions.get(which) ?? 0) + 1}`;
        const request = rawRequest({ method: 'GET', path, host: 'bench', credential: account.credential });
        client.send(request, ({ status, body }) => {
          if (status !== 200) {
            late += 1;
            return;
          }
          visible.recordValue(Math.round((performance.now() - acceptedAt) * 1_000));
          const { version } = JSON.parse(body.toString('utf8')) as { readonly version: number };
          versions.set(which, Math.max(version, versions.get(which) ?? 0));
        });
      };
      await load(loaded, 200, WARM_UP_SECONDS);
      for (const [which, account] of accounts.entries()) {
        const shown = (await loaded.program.operator.call(
          'GET',
          `/operator/accounts/${account.accountId}/portfolio`,
        )) as {
          readonly version: number;
        };
        versions.set(which, shown.version);
      }
      const outcome = await runOpenLoop(client, {
        ratePerSecond: 200,
        seconds: 20,
        wantedStatus: 202,
        request: (index) => orderRequest(accounts, index),
        onAnswer: (index) => ask(index, performance.now()),
      });
      return { orders: outcome.sent, not_seen: late, ...percentiles(visible, 'visible') };
    }),
};

const ready: Bench = {
  name: 'ready',
  sentence: 'From the start of the process until it is ready, on a fresh folder and again on it.',
  runs: 3,
  run: async () => {
    const folder = benchFolder();
    try {
      const first = await startBenchProgram(folder.path, []);
      const firstMib = first.residentMib();
      await first.stop();
      const again = await startBenchProgram(folder.path, []);
      await again.stop();
      return { fresh_ms: first.readyMs, again_ms: again.readyMs, resident_mib: firstMib };
    } finally {
      folder.remove();
    }
  },
};

export const ORDER_BENCHES: readonly Bench[] = [ordersSteady, ordersPeak, acceptanceToPortfolio, ready];
