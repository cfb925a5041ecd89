/** When what the embedded log may forget is gone, and that its offsets have no holes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMPACTED, RETAINED, record } from '../event-log.testing.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

test('a key whose tombstone is over is gone', async () => {
  const under = await openSqliteLogUnderTest();
  try {
    await under.log.ensureTopics([COMPACTED]);
    await under.log.append([record('states', 0, 'x', 'a'), record('states', 0, null, 'a')]);
    under.pass(2000);
    await under.log.expire(under.nowMs());
    assert.deepEqual(await under.log.read({ topic: 'states', partition: 0, offset: 0 }, 10), []);
  } finally {
    await under.dispose();
  }
});

test('offsets count without holes, over appends and transactions', async () => {
  const under = await openSqliteLogUnderTest();
  try {
    await under.log.ensureTopics([RETAINED]);
    const places = [
      ...(await under.log.append([
        record('orders', 1, 'a'),
        record('orders', 1, 'b'),
        record('orders', 2, 'c'),
      ])),
      ...(await under.log.append([record('orders', 1, 'd')])),
    ];
    const producer = await under.log.openProducer('owner');
    await producer.commit({ records: [record('orders', 1, 'e')] });
    const read = await under.log.read({ topic: 'orders', partition: 1, offset: 3 }, 10);
    assert.deepEqual(
      [...places, ...read].map(({ partition, offset }) => [partition, offset]),
      [
        [1, 0],
        [1, 1],
        [2, 0],
        [1, 2],
        [1, 3],
      ],
    );
  } finally {
    await under.dispose();
  }
});
