/** Groups of projections put back to the beginning: those that have to be, all of them, and no others. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { openPort, openPorts, type PortName } from './adapters.ts';
import { rewindProjections } from './rewind-projections.ts';
import { configOf } from './servers.testing.ts';

const root = mkdtempSync(join(tmpdir(), 'rewind-'));
after(() => rmSync(root, { recursive: true, force: true }));

const runtime = createSystemRuntime();

function contextIn(name: string) {
  const folder = { file: (path: string) => join(root, name, path) };
  const metrics = createPrometheusMetrics({ processFigures: false });
  return { folder, config: configOf({}), runtime, logger: SILENT, metrics };
}

/** Has read one record each. */
async function fill(log: EventLog, groups: readonly string[]): Promise<void> {
  const { tradeExecuted: topic } = TOPIC;
  const producer = await log.openProducer('test');
  await producer.commit({ records: [{ topic, partition: 0, key: null, value: Buffer.from('{}') }] });
  for (const group of groups)
    await producer.commit({
      records: [],
      consumed: { group, positions: [{ topic, partition: 0, offset: 1 }] },
    });
  await producer.close();
}

async function positionOf(log: EventLog, group: string): Promise<number | undefined> {
  return (await log.committedPositions(group)).find(({ partition }) => partition === 0)?.offset;
}

describe('groups of projections', () => {
  test('of two processes that start at once, each puts back those of its own stores', async () => {
    const log = await openPort('log', contextIn('two'));
    try {
      await fill(log, ['portfolio', 'trade-history']);
      const put = await Promise.all([
        rewindProjections(log, ['portfolios'], runtime.ids),
        rewindProjections(log, ['history'], runtime.ids),
      ]);
      assert.deepEqual(put, [['portfolio'], ['trade-history']]);
      assert.equal(await positionOf(log, 'portfolio'), 0);
      assert.equal(await positionOf(log, 'trade-history'), 0);
    } finally {
      await log.close();
    }
  });

  test('a process puts back those of a file that it lacks and uses; what it does not use others have', async () => {
    const context = contextIn('some');
    const first = await openPort('log', context);
    await fill(first, ['portfolio', 'trade-history']);
    await first.close();
    for (const [uses, history] of [
      ['portfolios', 1],
      ['history', 0],
    ] as const satisfies readonly (readonly [PortName, number])[]) {
      const ports = await openPorts(['log', uses], context);
      try {
        assert.equal(await positionOf(ports.port('log'), 'trade-history'), history);
        assert.equal(await positionOf(ports.port('log'), 'portfolio'), 0);
      } finally {
        await ports.close();
      }
    }
  });
});
