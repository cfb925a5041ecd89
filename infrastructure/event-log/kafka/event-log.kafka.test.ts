import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { registerEventLogContract } from '../event-log.contract.ts';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';

registerEventLogContract('Kafka', async () => {
  const under = await openKafkaLogUnderTest();
  const { log } = under;
  const expire = log.expire.bind(log);
  // What is committed is durable at once, and readers see it when its markers are written, a moment later.
  const settled = async () => {
    assert(await log.settled(10_000), 'no transaction stays open');
  };
  // Seals follow the records, and only what is sealed may expire.
  log.expire = async (nowMs) => {
    await settled();
    await log.sealed(10_000);
    await settled();
    return await expire(nowMs);
  };
  const append = log.append.bind(log);
  log.append = async (records) => {
    const positions = await append(records);
    await settled();
    return positions;
  };
  const openProducer = log.openProducer.bind(log);
  log.openProducer = async (transactionalId) => {
    const producer = await openProducer(transactionalId);
    const commit = producer.commit.bind(producer);
    producer.commit = async (transaction) => {
      const outcome = await commit(transaction);
      if (outcome.kind === 'committed') await settled();
      return outcome;
    };
    return producer;
  };
  return under;
});

describe('a clock far ahead of the broker’s', () => {
  test('is refused in words, and what was there can still be read', async () => {
    const under = await openKafkaLogUnderTest();
    try {
      await under.log.ensureTopics([RETAINED]);
      await under.log.append([record('orders', 0, 'before')]);
      const years = 200 * 365 * 24 * 3_600_000;
      under.pass(years);
      const refused = { code: 'LOG_CLOCK_REFUSED', retry: 'never', message: /time: this machine's clock/ };
      await assert.rejects(under.log.append([record('orders', 0, 'after')]), refused);
      const producer = await under.log.openProducer('late');
      await assert.rejects(producer.commit({ records: [record('orders', 0, 'after')] }), refused);
      under.pass(-years);
      assert.equal((await producer.commit({ records: [record('orders', 0, 'mended')] })).kind, 'committed');
      await under.log.settled(10_000);
      const read = await under.log.read({ topic: 'orders', partition: 0, offset: 0 }, 10);
      assert.deepEqual(read.map(textOf), ['before', 'mended']);
    } finally {
      await under.dispose();
    }
  });
});

describe('a group whose owner commits all the time', () => {
  test('has positions for whoever asks, and that one is about to move is no failure', async () => {
    const metrics = createPrometheusMetrics({ processFigures: false });
    const under = await openKafkaLogUnderTest({ metrics });
    try {
      await under.log.ensureTopics([RETAINED]);
      const inputs = 200;
      await under.log.append(Array.from({ length: inputs }, (_, at) => record('orders', 0, `${at}`)));
      await under.log.settled(10_000);
      const [extent] = await under.log.extents('orders');
      assert(extent !== undefined);
      const producer = await under.log.openProducer('busy');
      let committing = true;
      const commit = async () => {
        for (let offset = 1; offset <= extent.nextOffset; offset += 1) {
          await producer.commit({
            records: [record('orders', 1, `${offset}`)],
            consumed: { group: 'busy', positions: [{ topic: 'orders', partition: 0, offset }] },
          });
        }
        committing = false;
      };
      const seen: number[] = [];
      const ask = async () => {
        while (committing) {
          const [position] = await under.log.committedPositions('busy');
          if (position !== undefined) seen.push(position.offset);
        }
      };
      await Promise.all([commit(), ask(), ask()]);
      assert.deepEqual(await under.log.committedPositions('busy'), [
        { topic: 'orders', partition: 0, offset: extent.nextOffset },
      ]);
      assert(seen.length > 0);
      const asked = (await metrics.expose()).text
        .split('\n')
        .filter((line) => line.includes('call="committed"'));
      assert.deepEqual(
        asked.filter((line) => line.includes('outcome="failed"')),
        [],
      );
      assert(asked.some((line) => line.includes('outcome="ok"')));
    } finally {
      await under.dispose();
    }
  });
});
