/**
 * A transaction that its owner left open, as one that is killed does. The broker would end it after ten minutes: whoever
 * waits for that does not come back within the limit of these tests.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sharedServer } from '#tests/support/servers.ts';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import type { Consumer, Polled, Position } from '../event-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

const LIMIT_MS = 120_000;
const MEMBERS = { group: 'owners', topics: [RETAINED.name], start: 'sought' } as const;

/** Two records, of which the first is executed, and the second in a transaction that nobody ends. */
async function leftOpen(under: KafkaLogUnderTest): Promise<Position> {
  const { log } = under;
  await log.ensureTopics([RETAINED]);
  const [, second] = await log.append(['a', 'b'].map((text) => record('orders', 0, text)));
  assert(second !== undefined);
  const former = await log.openProducer('owner-0');
  const { kind } = await former.commit({ records: [], consumed: { group: 'owners', positions: [second] } });
  assert.equal(kind, 'committed');
  await former.close();
  await under.leaveTransactionOpen('owner-0', 'owners', { ...second, offset: second.offset + 1 });
  return second;
}

describe('a transaction left open, that moves the position of a group', () => {
  const poll = (consumer: Consumer): Promise<Polled> =>
    consumer.poll({ maxRecords: 10, signal: AbortSignal.timeout(LIMIT_MS) });

  for (const groups of ['consumer', 'classic']) {
    test(`is ended by the next owner, who is assigned its partition before (groups=${groups})`, async () => {
      const url = `${await sharedServer('kafka')}?groups=${groups}`;
      const under = await openKafkaLogUnderTest({}, url);
      try {
        const { log } = under;
        const second = await leftOpen(under);
        const consumer = await log.openConsumer(MEMBERS);
        assert.equal((await poll(consumer)).kind, 'assigned');
        // Of another partition it can be told meanwhile.
        assert.deepEqual(await log.committedPositions('owners', [{ ...second, partition: 1 }]), []);
        const owner = await log.openProducer('owner-0');
        assert.deepEqual(await log.committedPositions('owners'), [second]);
        consumer.seek(second);
        const polled = await poll(consumer);
        assert(polled.kind === 'records');
        assert.deepEqual(polled.records.map(textOf), ['b']);
        await owner.close();
      } finally {
        await under.dispose();
      }
    });
  }

  test('is not waited for by members that are given nothing', async () => {
    const under = await openKafkaLogUnderTest();
    try {
      await leftOpen(under);
      const members = await Promise.all(
        Array.from({ length: RETAINED.partitions + 1 }, () => under.log.openConsumer(MEMBERS)),
      );
      const told = new Set<Consumer>();
      const all = new AbortController();
      const signal = AbortSignal.any([all.signal, AbortSignal.timeout(LIMIT_MS)]);
      await Promise.all(
        members.map(async (member) => {
          for (;;) {
            const polled = await member.poll({
              maxRecords: 1,
              signal,
            });
            if (polled.kind === 'ended') return;
            told.add(member);
            if (told.size === members.length) all.abort();
          }
        }),
      );
      assert.equal(told.size, members.length);
    } finally {
      await under.dispose();
    }
  });
});
