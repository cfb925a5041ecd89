/** A disk beside the sealer that takes no heads ends nothing: seals go on, and the heads follow once it does. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { RETAINED } from '../event-log.testing.ts';
import type { Consumer, Polled, TopicPartition } from '../event-log.ts';
import { decodeChainEntry, NO_HASH } from '../seal.ts';
import { type LogHeads, openLogHeads } from '../sqlite/log-heads.ts';
import { SEALS } from './due-seals.ts';
import { LogSealer } from './log-sealer.ts';
import { SealsUnderTest } from './seals.testing.ts';

const ORDERS = (partition: number): TopicPartition => ({ topic: RETAINED.name, partition });

let folder: string;
let heads: LogHeads;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-sealer-'));
  heads = openLogHeads(folder);
});
afterEach(() => {
  heads.close();
  rmSync(folder, { recursive: true });
});

function untilAborted<Value>(signal: AbortSignal, value: Value): Promise<Value> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(value);
    signal.addEventListener('abort', () => resolve(value), { once: true });
  });
}

/** Is given the partition of `log_seals` at once, and keeps it. */
function onlyMember(): Consumer {
  const first: Polled[] = [{ kind: 'assigned', partitions: [{ ...SEALS, offset: 0 }] }];
  return {
    poll: async ({ signal }) => first.shift() ?? (await untilAborted(signal, { kind: 'ended' })),
    commit: async () => {},
    seek() {},
    pause() {},
    resume() {},
    close: async () => {},
  };
}

test('heads that cannot be written lag, and follow with the next seals that they can be noted with', async () => {
  const seals = new SealsUnderTest();
  const told: string[] = [];
  const tell = (_fields: unknown, message: string) => told.push(message);
  /** What is to be sealed of each partition in its turn, once it is asked for. */
  const rounds = [0, 1, 2].map((partition) => ({ ...ORDERS(partition), last: 9, count: 10, root: NO_HASH }));
  const asked: (() => void)[] = [];
  const whenAsked = () => new Promise<void>((resolve) => asked.push(resolve));
  const sealer = new LogSealer({
    log: { openConsumer: async () => onlyMember(), read: (from, count) => seals.read(from, count) },
    ends: seals,
    openReader: async () => ({
      next: async (signal) => {
        asked.shift()?.();
        const next = rounds.shift();
        if (next === undefined) return untilAborted(signal, null);
        return { stretches: [next], isMore: true };
      },
      close: async () => {},
    }),
    catalogue: { has: () => true, places: () => [0, 1, 2].map(ORDERS), sealedTopics: () => [RETAINED] },
    heads: {
      ...heads,
      put: (changed) => {
        heads.file().exec(`PRAGMA query_only = ${seals.end < 3 ? 'ON' : 'OFF'}`);
        heads.put(changed);
      },
    },
    headsFolder: folder,
    runtime: createSystemRuntime(),
    logger: { ...SILENT, error: tell, info: tell, warn: tell },
    metrics: createPrometheusMetrics({ processFigures: false }),
    openTransactions: async () => ({
      commitPlaced: async (records) => {
        const positions = records.map(({ value }) => {
          const entry = value === null ? null : decodeChainEntry(value);
          assert(entry !== null);
          seals.append(entry);
          return { ...SEALS, offset: seals.end - 1 };
        });
        return { kind: 'committed', positions };
      },
      close: async () => {},
    }),
    deleteBefore: async () => {},
  });
  const allSealed = [whenAsked(), whenAsked(), whenAsked(), whenAsked()];
  sealer.start();
  await Promise.all(allSealed);
  await sealer.finish(0);
  assert.deepEqual(
    heads.all().map(({ topic, partition, nextOffset }) => [topic, partition, nextOffset]),
    [[SEALS.topic, 0, 3], ...[0, 1, 2].map((partition) => [RETAINED.name, partition, 10])],
  );
  assert.deepEqual(told, [
    'How far the log is sealed cannot be noted: tried again until it is',
    'How far the log is sealed is noted again',
  ]);
});
