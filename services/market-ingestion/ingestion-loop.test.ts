/** The loop asks its feed for one batch ahead, and no failure of the log waits for that one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { Feed, FeedBatch } from './feed.ts';
import {
  committingThrough,
  createSleepingRuntime,
  openIngestionWorld,
  START_MS,
} from './ingestion.testing.ts';
import { createIngestion } from './ingestion-loop.ts';

const TURNS = 20;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function batchOf(number: number, finished: boolean): FeedBatch {
  const price = BigInt(number) as Price;
  const tick = { symbol: 'AAPL' as Symbol, timeMs: START_MS + number, price, size: 1n as Quantity };
  return { ticks: [{ ...tick, quote: null }], badRows: [], position: String(number), finished };
}

function feedOf(batches: Feed['batches']): Feed {
  return { source: 'test', idPrefix: () => 'test', async open() {}, batches, async close() {} };
}

function ingestionOf(feed: Feed, log: EventLog, signal: AbortSignal) {
  return createIngestion({
    feed,
    log,
    runtime: createSleepingRuntime(),
    logger: SILENT,
    metrics: createPrometheusMetrics({ processFigures: false }),
    signal,
    maxSymbols: 10,
    followers: null,
  });
}

test('while the log writes a batch the next one is made, and only that one', async () => {
  const world = await openIngestionWorld();
  try {
    let made = 0;
    const feed = feedOf(async function* () {
      for (made = 1; made < 5; made += 1) yield batchOf(made, false);
      yield batchOf(made, true);
    });
    const { promise: mayWrite, resolve: write } = Promise.withResolvers<void>();
    const log = committingThrough(world.log, async (commit) => {
      await mayWrite;
      return commit();
    });
    const ingestion = ingestionOf(feed, log, new AbortController().signal);
    const running = ingestion.run();
    while (made < 2) await turn();
    for (let count = 0; count < TURNS; count += 1) await turn();
    assert.equal(made, 2);
    assert.equal(ingestion.progress().events, 0, 'what is made is not told before it is written');
    write();
    await running;
    assert.equal(ingestion.progress().phase, 'finished');
    assert.deepEqual(
      (await world.events()).map(({ sequence }) => sequence),
      [1, 2, 3, 4, 5],
    );
  } finally {
    await world.dispose();
  }
});

test('a write that fails is tried again though the feed has nothing more for now', async () => {
  const world = await openIngestionWorld();
  try {
    let isAway = true;
    const feed = feedOf(async function* (position, signal) {
      if (position === null) yield batchOf(1, false);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    });
    const log = committingThrough(world.log, async (commit) => {
      // The feed waits for its next event by now.
      for (let count = 0; count < TURNS; count += 1) await turn();
      if (isAway) {
        isAway = false;
        throw new OperatingError('LOG_UNAVAILABLE', 'away', { retry: 'retry' });
      }
      return commit();
    });
    const stopping = new AbortController();
    const ingestion = ingestionOf(feed, log, stopping.signal);
    const running = ingestion.run();
    while (ingestion.progress().events === 0) await turn();
    stopping.abort();
    await running;
    assert.equal((await world.events()).length, 1);
  } finally {
    await world.dispose();
  }
});
