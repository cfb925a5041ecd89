/** Whose positions a log tells, on a cluster where others have groups too. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { RETAINED, record } from '../event-log.testing.ts';
import type { EventLog } from '../event-log.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';

async function readAs(log: EventLog, groups: readonly string[]): Promise<void> {
  const [place] = await log.append([record('orders', 0, 'x')]);
  assert(place !== undefined);
  const producer = await log.openProducer('reader');
  for (const group of groups)
    await producer.commit({ records: [], consumed: { group, positions: [{ ...place, offset: 1 }] } });
  await producer.close();
}

const threads = () => readdirSync('/proc/self/task').length;

test('groups of others are not among them, and to find that out takes no client for each', async () => {
  const ours = await openKafkaLogUnderTest();
  const { address } = ours;
  // To this one everything of theirs has its name before it, as everything of a cluster has for a log without a name.
  const theirs = await openKafkaLogUnderTest({ address: { ...address, path: `${address.path}.theirs` } });
  try {
    await ours.log.ensureTopics([RETAINED]);
    await readAs(ours.log, ['b', 'a']);
    await theirs.log.ensureTopics([RETAINED]);
    await readAs(
      theirs.log,
      Array.from({ length: 8 }, (_unused, at) => `group-${at}`),
    );
    const log = await ours.reopen();
    await log.ensureTopics([RETAINED]);
    const before = threads();
    assert.deepEqual(await log.groups(), ['a', 'b']);
    assert.ok(threads() - before < 8, `${before} threads became ${threads()}`);
    const [position, ...others] = await log.committedPositions('a');
    assert.deepEqual([position?.topic, position?.offset, others], ['orders', 1, []]);
  } finally {
    await theirs.dispose();
    await ours.dispose();
  }
});
