/** What every event log adapter must do, against its real store. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { registerConsumersContract } from './consumers.contract.ts';
import {
  COMPACTED,
  EXPIRING,
  failsWith,
  type LogUnderTest,
  RETAINED,
  record,
  textOf,
} from './event-log.testing.ts';
import type { EventLog, NewRecord } from './event-log.ts';

async function all(log: EventLog, topic: string, partition: number): Promise<readonly (string | null)[]> {
  return (await log.read({ topic, partition, offset: 0 }, 10_000)).map(textOf);
}

export function registerEventLogContract(adapter: string, open: () => Promise<LogUnderTest>): void {
  describe(`event log contract: ${adapter}`, () => {
    let under: LogUnderTest;
    let log: EventLog;

    beforeEach(async () => {
      under = await open();
      log = under.log;
      await log.ensureTopics([RETAINED, EXPIRING, COMPACTED]);
    });
    afterEach(() => under.dispose());

    describe('records', () => {
      test('offsets of a partition begin at zero and grow in the order of the appends', async () => {
        const first = await log.append([
          record('orders', 1, 'a'),
          record('orders', 1, 'b'),
          record('orders', 2, 'c'),
        ]);
        const second = await log.append([record('orders', 1, 'd')]);
        assert.deepEqual(
          [...first, ...second].map(({ partition }) => partition),
          [1, 1, 2, 1],
        );
        const [a, b, c] = first.map(({ offset }) => offset);
        assert.deepEqual([a, b, c], [0, 1, 0]);
        const d = second[0]?.offset ?? 0;
        assert(d > 1);
        const read = await log.read({ topic: 'orders', partition: 1, offset: 0 }, 10);
        assert.deepEqual(
          read.map((found) => [found.offset, textOf(found)]),
          [
            [0, 'a'],
            [1, 'b'],
            [d, 'd'],
          ],
        );
        assert.equal((await log.extents('orders'))[1]?.nextOffset, d + 1);
      });

      test('keys, values, empty values, nulls and times come back as they went in', async () => {
        const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
        const written: NewRecord[] = [
          { topic: 'orders', partition: 0, key: 'kö€𝄞', value: bytes },
          { topic: 'orders', partition: 0, key: '', value: new Uint8Array(0) },
          { topic: 'orders', partition: 0, key: null, value: null },
        ];
        await log.append(written);
        const read = await log.read({ topic: 'orders', partition: 0, offset: 0 }, 10);
        assert.deepEqual(
          read.map(({ key, value }) => ({ key, value: value === null ? null : Array.from(value) })),
          written.map(({ key, value }) => ({ key, value: value === null ? null : Array.from(value) })),
        );
        for (const { appendedAtMs } of read) assert.equal(appendedAtMs, under.nowMs());
      });

      test('a key without a partition goes where partitionFor says, always the same', async () => {
        for (const key of ['AAPL', 'MSFT', 'a', '']) {
          const [place] = await log.append([{ topic: 'orders', key, value: null }]);
          assert.equal(place?.partition, log.partitionFor('orders', key));
        }
      });

      test('concurrent appends all arrive, each whole and in its own order', async () => {
        await Promise.all(
          Array.from({ length: 50 }, (_, at) =>
            log.append([record('orders', 0, `${at}/0`), record('orders', 0, `${at}/1`)]),
          ),
        );
        const read = await all(log, 'orders', 0);
        assert.equal(read.length, 100);
        for (let at = 0; at < 50; at += 1) assert.equal(read.indexOf(`${at}/1`) - read.indexOf(`${at}/0`), 1);
      });

      test('what was acknowledged is there after a restart, and offsets go on', async () => {
        await log.append([record('orders', 0, 'kept')]);
        log = await under.reopen();
        assert.deepEqual(await all(log, 'orders', 0), ['kept']);
        await log.append([record('orders', 0, 'next')]);
        assert.deepEqual(await all(log, 'orders', 0), ['kept', 'next']);
      });

      test('read begins at the offset asked for, gives at most what was asked for, and nothing at the end', async () => {
        await log.append(['a', 'b', 'c', 'd'].map((text) => record('orders', 0, text)));
        assert.deepEqual((await log.read({ topic: 'orders', partition: 0, offset: 1 }, 2)).map(textOf), [
          'b',
          'c',
        ]);
        assert.deepEqual(await log.read({ topic: 'orders', partition: 0, offset: 4 }, 2), []);
      });

      test('a record over the limit is refused by name and its neighbours are written', async () => {
        const large: NewRecord = {
          topic: 'orders',
          partition: 0,
          key: null,
          value: new Uint8Array(under.maxRecordBytes + 1),
        };
        const fits: NewRecord = { ...large, value: new Uint8Array(under.maxRecordBytes).fill(7) };
        await assert.rejects(
          log.append([record('orders', 0, 'with it'), large]),
          failsWith('LOG_RECORD_TOO_LARGE', 'never'),
        );
        await log.append([fits]);
        assert.deepEqual(
          (await log.read({ topic: 'orders', partition: 0, offset: 0 }, 9)).map(({ value }) => value?.length),
          [under.maxRecordBytes],
        );
      });

      test('an unknown topic or partition is refused, for writing and for reading', async () => {
        const refused = failsWith('LOG_UNKNOWN_TOPIC', 'never');
        await assert.rejects(log.append([record('nothing', 0, 'x')]), refused);
        await assert.rejects(log.append([record('orders', 3, 'x')]), refused);
        await assert.rejects(log.read({ topic: 'nothing', partition: 0, offset: 0 }, 1), refused);
        await assert.rejects(
          log.openConsumer({ group: null, topics: ['nothing'], start: 'earliest' }),
          refused,
        );
      });

      test('a topic that exists with another partition count is an error, and the same one is not', async () => {
        await log.ensureTopics([RETAINED]);
        await assert.rejects(
          log.ensureTopics([{ ...RETAINED, partitions: 4 }]),
          failsWith('LOG_TOPIC_MISMATCH', 'never'),
        );
      });

      test('a closed log refuses', async () => {
        await log.close();
        await assert.rejects(log.append([record('orders', 0, 'x')]), failsWith('LOG_CLOSED', 'never'));
      });
    });

    describe('transactions', () => {
      test('records of several topics and positions of a group commit together', async () => {
        await log.append([record('orders', 0, 'in')]);
        const producer = await log.openProducer('owner-0');
        const outcome = await producer.commit({
          records: [record('orders', 1, 'out'), record('states', 1, 'state', 'k')],
          consumed: { group: 'execution', positions: [{ topic: 'orders', partition: 0, offset: 1 }] },
        });
        assert.deepEqual(outcome, { kind: 'committed' });
        log = await under.reopen();
        assert.deepEqual(await all(log, 'orders', 1), ['out']);
        assert.deepEqual(await all(log, 'states', 1), ['state']);
        assert.deepEqual(await log.committedPositions('execution'), [
          { topic: 'orders', partition: 0, offset: 1 },
        ]);
        assert.deepEqual(await log.groups(), ['execution']);
      });

      test('a transaction with one bad record leaves nothing of the others', async () => {
        const producer = await log.openProducer('owner-0');
        await assert.rejects(
          producer.commit({ records: [record('orders', 0, 'good'), record('nothing', 0, 'bad')] }),
        );
        assert.deepEqual(await all(log, 'orders', 0), []);
      });

      test('a former owner is fenced, and its neighbours are not', async () => {
        const former = await log.openProducer('owner-0');
        const other = await log.openProducer('owner-1');
        const present = await log.openProducer('owner-0');
        const [fenced, neighbour, committed] = await Promise.all([
          former.commit({ records: [record('orders', 0, 'former')] }),
          other.commit({ records: [record('orders', 0, 'neighbour')] }),
          present.commit({ records: [record('orders', 0, 'present')] }),
        ]);
        assert.deepEqual([fenced.kind, neighbour.kind, committed.kind], ['fenced', 'committed', 'committed']);
        assert.deepEqual([...(await all(log, 'orders', 0))].sort(), ['neighbour', 'present']);
      });

      test('a position past the end is refused, since records to come would be skipped', async () => {
        const producer = await log.openProducer('owner-0');
        const consumed = { group: 'g', positions: [{ topic: 'orders', partition: 0, offset: 5 }] };
        await assert.rejects(
          producer.commit({ records: [record('orders', 1, 'x')], consumed }),
          failsWith('LOG_POSITION_BEYOND_END', 'never'),
        );
        assert.deepEqual(await all(log, 'orders', 1), []);
      });
    });

    describe('compaction and retention', () => {
      test('a compacted topic keeps the last of each key, with its offset; the end does not move back', async () => {
        await log.append(['a1', 'b1', 'a2', 'a3'].map((text) => record('states', 0, text, text.slice(0, 1))));
        const read = await log.read({ topic: 'states', partition: 0, offset: 0 }, 10);
        const last = new Map(read.map((found) => [found.key, [found.offset, textOf(found)]]));
        assert.deepEqual([...last].sort(), [
          ['a', [3, 'a3']],
          ['b', [1, 'b1']],
        ]);
        const [extent] = await log.extents('states');
        assert.equal(extent?.nextOffset, 4);
      });

      test('a tombstone is read until its time is over', async () => {
        await log.append([record('states', 0, 'x', 'a'), record('states', 0, null, 'a')]);
        await log.expire(under.nowMs());
        const read = await log.read({ topic: 'states', partition: 0, offset: 0 }, 10);
        assert.equal(read.at(-1)?.value, null);
      });

      test('retention removes what is old and keeps what is young; offsets go on', async () => {
        await log.append([record('prices', 0, 'old'), record('prices', 0, 'old')]);
        under.pass(5000);
        const [young] = await log.append([record('prices', 0, 'young')]);
        const offset = young?.offset ?? 0;
        assert.equal(await log.expire(under.nowMs()), 2);
        const read = await log.read({ topic: 'prices', partition: 0, offset: 0 }, 10);
        assert.deepEqual(
          read.map((found) => [found.offset, textOf(found)]),
          [[offset, 'young']],
        );
        const [extent] = await log.extents('prices');
        assert.equal(extent?.nextOffset, offset + 1);
        assert(extent.firstOffset > 1 && extent.firstOffset <= offset);
        log = await under.reopen();
        assert.deepEqual(await log.extents('prices'), [extent]);
      });

      test('a topic kept for ever loses nothing', async () => {
        await log.append([record('orders', 0, 'kept')]);
        await log.expire(under.nowMs() + 1e12);
        assert.deepEqual(await all(log, 'orders', 0), ['kept']);
      });
    });
  });
  registerConsumersContract(adapter, open);
}
