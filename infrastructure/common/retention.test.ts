import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { keepFor } from './retention.ts';

const DAY_MS = 86_400_000;

function fixture() {
  const warnings: string[] = [];
  const ticks: (() => void | Promise<void>)[] = [];
  const logger: Logger = {
    ...SILENT,
    warn: (_, message) => warnings.push(message),
    child: () => logger,
  };
  const runtime = {
    clock: { nowMs: () => 100 * DAY_MS, monotonicMs: () => 0 },
    timers: {
      sleep: async () => {},
      every(periodMs: number, task: () => void | Promise<void>) {
        assert.equal(periodMs, 3_600_000);
        ticks.push(task);
        return () => ticks.splice(0);
      },
      yieldTurn: async () => {},
    },
  };
  return { warnings, ticks, parts: { runtime, logger } };
}

describe('retention', () => {
  test('without days nothing is ever dropped', async () => {
    const { parts, ticks } = fixture();
    const end = await keepFor(undefined, 'trades', parts, () => assert.fail('nothing is to be dropped'));
    end();
    assert.deepEqual(ticks, []);
  });

  test('what is older goes at once and every hour, until it is ended', async () => {
    const { parts, ticks } = fixture();
    const dropped: number[] = [];
    const end = await keepFor('30', 'trades', parts, async (beforeMs) => {
      dropped.push(beforeMs);
    });
    await ticks[0]?.();
    assert.deepEqual(dropped, [70 * DAY_MS, 70 * DAY_MS]);
    end();
    assert.deepEqual(ticks, []);
  });

  test('a server that is down at the start stops it; later it is told, and tried again', async () => {
    const { parts, ticks, warnings } = fixture();
    const down = new OperatingError('STORE_UNAVAILABLE', 'down', { retry: 'retry' });
    await assert.rejects(
      keepFor('30', 'trades', parts, () => Promise.reject(down)),
      down,
    );
    let works = true;
    await keepFor('30', 'trades', parts, async () => {
      if (!works) throw down;
    });
    works = false;
    await ticks[0]?.();
    assert.deepEqual(warnings, ['trades could not be dropped, trying again later']);
  });
});
