import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testContext } from '#tests/in-process/platform.ts';
import { RETAINED, record } from '../event-log.testing.ts';
import { openLogSync } from './log-sync.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

/** Pauses of the writer, which last until they are ended; those of the heads are longer and pass as they do. */
const LONGEST_PAUSE_MS = 50;

async function withPausingLog(
  work: (
    under: Awaited<ReturnType<typeof openSqliteLogUnderTest>>,
    seen: { readonly pauses: (() => void)[]; syncs: number; passMs: number; turns(): Promise<void> },
  ) => Promise<void>,
): Promise<void> {
  const { runtime } = testContext();
  const seen = {
    pauses: [] as (() => void)[],
    syncs: 0,
    passMs: 0,
    async turns() {
      for (let turn = 0; turn < 20; turn += 1) await runtime.timers.yieldTurn();
    },
  };
  const timers = {
    ...runtime.timers,
    sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
      if (durationMs > LONGEST_PAUSE_MS) return runtime.timers.sleep(durationMs, signal);
      return new Promise((resolve) => {
        seen.pauses.push(resolve);
        signal?.addEventListener('abort', () => resolve());
      });
    },
  };
  const clock = { ...runtime.clock, monotonicMs: () => seen.passMs };
  const under = await openSqliteLogUnderTest({
    runtime: { ...runtime, timers, clock },
    openSync(directory) {
      const sync = openLogSync(directory);
      return {
        ...sync,
        writeAheadLog() {
          seen.syncs += 1;
          return sync.writeAheadLog();
        },
      };
    },
  });
  try {
    await under.log.ensureTopics([RETAINED]);
    await work(under, seen);
  } finally {
    await under.dispose();
  }
}

test('writes that come right after a transaction gather and share the next one', async () => {
  await withPausingLog(async ({ log }, seen) => {
    await log.append([record('orders', 0, 'at rest')]);
    assert.equal(seen.pauses.length, 0, 'a log at rest writes at once');
    assert.equal(seen.syncs, 1);
    const first = log.append([record('orders', 0, 'one')]);
    await seen.turns();
    const second = log.append([record('orders', 0, 'two')]);
    await seen.turns();
    assert.equal(seen.pauses.length, 1);
    assert.equal(seen.syncs, 1, 'nothing is written during the pause');
    seen.pauses[0]?.();
    await Promise.all([first, second]);
    assert.equal(seen.syncs, 2);
    seen.passMs += 60_000;
    await log.append([record('orders', 0, 'at rest again')]);
    assert.equal(seen.pauses.length, 1);
  });
});

test('as many records as are worth a transaction end the pause, or need none', async () => {
  await withPausingLog(async ({ log }, seen) => {
    const many = Array.from({ length: 64 }, (_, number) => record('orders', 0, String(number)));
    await log.append([record('orders', 0, 'at rest')]);
    await log.append(many);
    assert.equal(seen.pauses.length, 0);
    const few = log.append([record('orders', 0, 'few')]);
    await seen.turns();
    assert.equal(seen.pauses.length, 1);
    await Promise.all([few, log.append(many)]);
    assert.equal(seen.syncs, 3);
  });
});

test('a log that is closed during a pause has written what waited', async () => {
  await withPausingLog(async (under, seen) => {
    await under.log.append([record('orders', 0, 'at rest')]);
    const waiting = under.log.append([record('orders', 0, 'waiting')]);
    await seen.turns();
    const closing = under.log.close();
    seen.pauses[0]?.();
    await closing;
    assert.deepEqual(await waiting, [{ topic: 'orders', partition: 0, offset: 1 }]);
  });
});
