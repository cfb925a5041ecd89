/** Commits of more than the client takes at once: all that follows from one input is one commit, however much that is. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RETAINED } from '../event-log.testing.ts';
import type { NewRecord, PartitionExtent } from '../event-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

describe('a commit', () => {
  let under: KafkaLogUnderTest;

  before(async () => {
    under = await openKafkaLogUnderTest();
    await under.log.ensureTopics([RETAINED]);
  });
  after(() => under.dispose());

  async function extent(): Promise<PartitionExtent> {
    assert(await under.log.settled(10_000), 'no transaction stays open');
    const [found] = await under.log.extents('orders');
    assert(found !== undefined);
    return found;
  }

  for (const [what, records, bytes] of [
    ['records', 300_000, 1],
    ['bytes', 5_000, 60_000],
  ] as const) {
    test(`of more ${what} than the client takes at once is written, all of it`, async () => {
      const { nextOffset: first } = await extent();
      const value = Buffer.alloc(bytes);
      const all = Array.from(
        { length: records },
        (): NewRecord => ({ topic: 'orders', partition: 0, key: null, value }),
      );
      const producer = await under.log.openProducer(`large-${what}`);
      assert.deepEqual(await producer.commit({ records: all }), { kind: 'committed' });
      assert.ok((await extent()).nextOffset - first >= records);
      // Behind it the log goes on.
      assert.deepEqual(await producer.commit({ records: all.slice(0, 1) }), { kind: 'committed' });
      await producer.close();
    });
  }
});
