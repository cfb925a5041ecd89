/**
 * Orders from topic to commit: a log that holds accounts, prices and orders as the order service and the price
 * sequencer write them, and this stream on it until all of them are committed. On the embedded log, or on Kafka.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { createTraffic } from '#domain/trading/fixtures/traffic.testing.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { EventLog, NewRecord } from '#infrastructure/event-log/event-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';

import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { configured } from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { tradeExecutionOptions } from './config.ts';
import { createTradeExecutionStream } from './service.ts';

export interface ExecutionBenchResult {
  readonly orders: number;
  readonly orders_per_second: number;
  /** User and system time of this process, all its threads; the brokers' is theirs. */
  readonly processor_us_per_order: number;
  /** Orders, cancels and price batches that one commit covers. */
  readonly inputs_per_commit: number;
  /** Records that follow from one order and are written by its commit. */
  readonly records_per_order: number;
}

const PARTITIONS = 4;
const ORDERS_PER_PRICE_BATCH = 2_000;
const RECORDS_PER_APPEND = 5_000;
const LOOK_MS = 5;
const LOOK_AGAIN_MS = 1_000;
const PATIENCE_MS = 60_000;

/** `log`: Kafka, under the path of the address; `null`: the embedded log in a folder of its own. */
export async function run(log: ServerAddress | null = null, orders = 200_000): Promise<ExecutionBenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'tradehall-execution-bench-'));
  const counters = countingMetrics();
  try {
    const opened = await openLog(log, directory, counters.metrics);
    try {
      return await measure(opened, orders, counters);
    } finally {
      await opened.log.close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface OpenedLog {
  readonly log: EventLog;
  /** Until what was written is sealed: that is work of before, and would be counted. */
  settled(): Promise<void>;
}

async function openLog(
  address: ServerAddress | null,
  directory: string,
  metrics: Metrics,
): Promise<OpenedLog> {
  const parts = { directory, runtime: createSystemRuntime(), logger: SILENT };
  const topics = tradehallTopics({
    partitions: PARTITIONS,
    marketDataRetentionMs: 'forever',
    tradingRetentionMs: 'forever',
    tombstoneMs: 86_400_000,
  });
  if (address === null) {
    const log = await openSqliteEventLog(parts);
    await log.ensureTopics(topics);
    return { log, settled: async () => {} };
  }
  const { openKafkaEventLog } = await import('#infrastructure/event-log/kafka/kafka-event-log.ts');
  const log = await openKafkaEventLog({ ...parts, address, metrics });
  await log.ensureTopics(topics);
  const { clock, timers } = parts.runtime;
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  // Topics just made are not known everywhere yet.
  const settled = async (): Promise<void> => {
    try {
      assert(await log.sealed(PATIENCE_MS), 'what was written is sealed in a minute');
    } catch (error) {
      if (!(error instanceof OperatingError) || clock.monotonicMs() > endMs) throw error;
      await timers.sleep(LOOK_AGAIN_MS);
      await settled();
    }
  };
  return { log, settled };
}

async function measure(
  { log, settled }: OpenedLog,
  orders: number,
  counters: CountingMetrics,
): Promise<ExecutionBenchResult> {
  const inputs = await seed(log, orders);
  await settled();
  const before = await written(log);
  const runtime = createSystemRuntime();
  const crashes: unknown[] = [];
  const stream = createTradeExecutionStream(
    { runtime, logger: SILENT, metrics: counters.metrics, crash: (error) => void crashes.push(error) },
    { log, cache: openMemoryCache({ runtime }) },
    configured(tradeExecutionOptions),
  );
  await stream.start();
  // The first commit is when the group has been joined, which takes what it takes and is none of the rate.
  while (counters.inputs() === 0) await look(crashes);
  const first = counters.inputs();
  const startedAtMs = performance.now();
  const usedBefore = process.cpuUsage();
  while (counters.inputs() < inputs) await look(crashes);
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const used = process.cpuUsage(usedBefore);
  const measured = (orders * (inputs - first)) / inputs;
  await stream.stop();
  assert.deepEqual(crashes, []);
  return {
    orders,
    orders_per_second: measured / seconds,
    processor_us_per_order: (used.user + used.system) / measured,
    inputs_per_commit: inputs / (await countOf(log, TOPIC.executionHeads)),
    records_per_order: ((await written(log)) - before) / orders,
  };

  async function look(failed: readonly unknown[]): Promise<void> {
    if (failed.length > 0) throw failed[0];
    await runtime.timers.sleep(LOOK_MS);
  }
}

/** Answers how many inputs there are. */
async function seed(log: EventLog, orders: number): Promise<number> {
  const traffic = createTraffic(ORDERS_PER_PRICE_BATCH);
  let waiting: NewRecord[] = [];
  let inputs = 0;
  let made = 0;
  const add = async (some: readonly TradingInput[]): Promise<void> => {
    for (const input of some) {
      const value = encodeTradingInput(input, { sourceService: 'order' });
      if (input.type === 'SubmitOrder') made += 1;
      if ('accountId' in input) {
        waiting.push({ topic: TOPIC.tradeOrders, key: input.accountId, value });
        continue;
      }
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        waiting.push({ topic: TOPIC.tradeOrders, partition, key: null, value });
      }
    }
    if (waiting.length === 0) return;
    await log.append(waiting);
    inputs += waiting.length;
    waiting = [];
  };
  await add(traffic.opening());
  while (made < orders) await add(traffic.next(Math.min(RECORDS_PER_APPEND, orders - made)));
  return inputs;
}

/** Offsets that commits have taken, markers of transactions among them. */
async function written(log: EventLog): Promise<number> {
  const topics = [TOPIC.tradeExecuted, TOPIC.orderUpdates, TOPIC.ledgerEntries, TOPIC.accountStates];
  const counts = await Promise.all(topics.map((topic) => countOf(log, topic)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function countOf(log: EventLog, topic: string): Promise<number> {
  return (await log.extents(topic)).reduce((sum, { nextOffset }) => sum + nextOffset, 0);
}

interface CountingMetrics {
  readonly metrics: Metrics;
  /** Applied and committed. */
  inputs(): number;
}

/** Execution counts what it has committed; that tells when it is done without asking it. */
function countingMetrics(): CountingMetrics {
  let inputs = 0;
  return {
    metrics: {
      counter: (name) => ({
        increment(_labels, by = 1) {
          if (name === 'tradehall_execution_inputs_total') inputs += by;
        },
      }),
      gauge: () => ({ set() {} }),
      histogram: () => ({ observe() {} }),
    },
    inputs: () => inputs,
  };
}
