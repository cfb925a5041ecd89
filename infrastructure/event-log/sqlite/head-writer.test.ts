import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testContext } from '#tests/in-process/platform.ts';
import { RETAINED, record } from '../event-log.testing.ts';
import { openLogHeads } from './log-heads.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

test('heads follow the log a moment later, and are level with it once it is closed', async () => {
  const { runtime } = testContext();
  const moments: (() => void)[] = [];
  const timers = {
    ...runtime.timers,
    sleep: (durationMs: number, signal?: AbortSignal) =>
      durationMs < 50
        ? runtime.timers.sleep(durationMs, signal)
        : new Promise<void>((resolve) => {
            moments.push(resolve);
            signal?.addEventListener('abort', () => resolve());
          }),
  };
  const under = await openSqliteLogUnderTest({ runtime: { ...runtime, timers } });
  try {
    const { log } = under;
    await log.ensureTopics([RETAINED]);
    for (const value of ['one', 'two', 'three']) await log.append([record('orders', 0, value)]);
    assert.equal(moments.length, 1, 'one write of the heads is due for all of them');
    await log.close();
    const heads = openLogHeads(under.directory);
    assert.equal(heads.all().find(({ topic }) => topic === 'orders')?.nextOffset, 3);
    heads.close();
  } finally {
    await under.dispose();
  }
});
