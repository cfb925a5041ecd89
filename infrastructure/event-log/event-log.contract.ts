/** What every event log adapter must do, against its real store. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type {
  Consumer,
  ConsumerSpec,
  EventLog,
  LogRecord,
  NewRecord,
  Polled,
  TopicSpec,
} from './event-log.ts';

/** A log opened for one test, with nothing in it. */
export interface LogUnderTest {
  readonly log: EventLog;
  /** Closes the log and opens it again, as after a restart. */
  reopen(): Promise<EventLog>;
  /** Lets wall-clock time go by for the log. */
  pass(durationMs: number): void;
  nowMs(): number;
  /** Of key and value together, as this log was opened. */
  readonly maxRecordBytes: number;
  /** Closes the log and removes what it stored. */
  dispose(): Promise<void>;
}

export const RETAINED: TopicSpec = {
  name: 'orders',
  partitions: 3,
  cleanup: { kind: 'retain', retentionMs: 'forever' },
  sealed: true,
};
export const EXPIRING: TopicSpec = {
  name: 'prices',
  partitions: 1,
  cleanup: { kind: 'retain', retentionMs: 1000 },
  sealed: true,
};
export const COMPACTED: TopicSpec = {
  name: 'states',
  partitions: 3,
  cleanup: { kind: 'compact', tombstoneMs: 1000 },
  sealed: false,
};

export function record(
  topic: string,
  partition: number,
  text: string | null,
  key: string | null = null,
): NewRecord {
  return { topic, partition, key, value: text === null ? null : Buffer.from(text, 'utf8') };
}

export function textOf(read: LogRecord): string | null {
  return read.value === null ? null : Buffer.from(read.value).toString('utf8');
}

/** A poll that is expected to answer; the test's own time limit ends one that hangs. */
function poll(consumer: Consumer, maxRecords = 1000): Promise<Polled> {
  return consumer.poll({ maxRecords, signal: new AbortController().signal });
}

async function assigned(consumer: Consumer): Promise<readonly number[]> {
  const polled = await poll(consumer);
  assert(polled.kind === 'assigned', `expected an assignment, got ${polled.kind}`);
  return polled.partitions.map(({ partition }) => partition);
}

async function texts(consumer: Consumer, count: number): Promise<readonly (string | null)[]> {
  const found: (string | null)[] = [];
  while (found.length < count) {
    const polled = await poll(consumer);
    assert(polled.kind === 'records', `expected records, got ${polled.kind}`);
    found.push(...polled.records.map(textOf));
  }
  return found;
}

async function all(log: EventLog, topic: string, partition: number): Promise<readonly (string | null)[]> {
  return (await log.read({ topic, partition, offset: 0 }, 10_000)).map(textOf);
}

function failsWith(code: string, retry: OperatingError['retry']): (error: unknown) => boolean {
  return (error) => error instanceof OperatingError && error.code === code && error.retry === retry;
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

    const reader = (spec: Partial<ConsumerSpec> = {}) =>
      log.openConsumer({ group: null, topics: [RETAINED.name], start: 'earliest', ...spec });
    const member = (spec: Partial<ConsumerSpec> = {}) => reader({ group: 'readers', ...spec });

    describe('records', () => {
      test('offsets of a partition count from zero, in the order of the appends', async () => {
        const first = await log.append([
          record('orders', 1, 'a'),
          record('orders', 1, 'b'),
          record('orders', 2, 'c'),
        ]);
        const second = await log.append([record('orders', 1, 'd')]);
        assert.deepEqual(
          [...first, ...second].map(({ partition, offset }) => [partition, offset]),
          [
            [1, 0],
            [1, 1],
            [2, 0],
            [1, 2],
          ],
        );
        assert.deepEqual(await all(log, 'orders', 1), ['a', 'b', 'd']);
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
        const [place] = await log.append([record('orders', 0, 'next')]);
        assert.equal(place?.offset, 1);
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
        await assert.rejects(reader({ topics: ['nothing'] }), refused);
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
        assert.deepEqual(outcome, {
          kind: 'committed',
          positions: [
            { topic: 'orders', partition: 1, offset: 0 },
            { topic: 'states', partition: 1, offset: 0 },
          ],
        });
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

      test('a former owner is fenced, also across a restart, and its neighbours are not', async () => {
        const former = await log.openProducer('owner-0');
        const other = await log.openProducer('owner-1');
        const present = await log.openProducer('owner-0');
        const [fenced, neighbour, committed] = await Promise.all([
          former.commit({ records: [record('orders', 0, 'former')] }),
          other.commit({ records: [record('orders', 0, 'neighbour')] }),
          present.commit({ records: [record('orders', 0, 'present')] }),
        ]);
        assert.deepEqual([fenced.kind, neighbour.kind, committed.kind], ['fenced', 'committed', 'committed']);
        assert.deepEqual(await all(log, 'orders', 0), ['neighbour', 'present']);
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

    describe('consumers', () => {
      test('the first answer is the assignment; a waiting poll wakes on an append', async () => {
        const consumer = await reader();
        assert.deepEqual(await assigned(consumer), [0, 1, 2]);
        const waiting = poll(consumer);
        await log.append([record('orders', 2, 'woken')]);
        const polled = await waiting;
        assert(polled.kind === 'records');
        assert.deepEqual(polled.records.map(textOf), ['woken']);
      });

      test('latest begins after what is there, earliest at the first record', async () => {
        await log.append([record('orders', 0, 'old')]);
        const latest = await reader({ start: 'latest' });
        const earliest = await reader({ start: 'earliest' });
        await assigned(latest);
        await assigned(earliest);
        await log.append([record('orders', 0, 'new')]);
        assert.deepEqual(await texts(latest, 1), ['new']);
        assert.deepEqual(await texts(earliest, 2), ['old', 'new']);
      });

      test('a reader with positions begins there, and at the beginning of the partitions not named', async () => {
        await log.append([record('orders', 0, 'a'), record('orders', 0, 'b'), record('orders', 1, 'c')]);
        const consumer = await reader({ start: [{ topic: 'orders', partition: 0, offset: 1 }] });
        await assigned(consumer);
        assert.deepEqual([...(await texts(consumer, 2))].sort(), ['b', 'c']);
      });

      test('an aborted poll ends, and the consumer can poll again', async () => {
        const consumer = await reader();
        await assigned(consumer);
        const controller = new AbortController();
        const waiting = consumer.poll({ maxRecords: 1, signal: controller.signal });
        controller.abort();
        assert.deepEqual(await waiting, { kind: 'ended' });
        await log.append([record('orders', 0, 'later')]);
        assert.deepEqual(await texts(consumer, 1), ['later']);
      });

      test('closing the consumer or the log ends a waiting poll', async () => {
        const [one, two] = [await reader(), await reader()];
        await assigned(one);
        await assigned(two);
        const waiting = [poll(one), poll(two)];
        await one.close();
        await log.close();
        assert.deepEqual(await Promise.all(waiting), [{ kind: 'ended' }, { kind: 'ended' }]);
      });

      test('pause holds a partition back, resume lets it go on where it was, seek moves it', async () => {
        const consumer = await reader();
        await assigned(consumer);
        consumer.pause({ topic: 'orders', partition: 0 });
        await log.append([record('orders', 0, 'held'), record('orders', 1, 'free')]);
        assert.deepEqual(await texts(consumer, 1), ['free']);
        consumer.resume({ topic: 'orders', partition: 0 });
        assert.deepEqual(await texts(consumer, 1), ['held']);
        consumer.seek({ topic: 'orders', partition: 1, offset: 0 });
        assert.deepEqual(await texts(consumer, 1), ['free']);
      });

      test('every record arrives once and in order however small the polls are', async () => {
        const written = Array.from({ length: 60 }, (_, at) => record('orders', at % 3, `${at}`));
        await log.append(written);
        const consumer = await reader();
        await assigned(consumer);
        const seen: LogRecord[] = [];
        while (seen.length < 60) {
          const polled = await poll(consumer, 7);
          assert(polled.kind === 'records' && polled.records.length <= 7);
          seen.push(...polled.records);
        }
        for (const partition of [0, 1, 2]) {
          const offsets = seen.filter((read) => read.partition === partition).map(({ offset }) => offset);
          assert.deepEqual(
            offsets,
            Array.from({ length: 20 }, (_, at) => at),
          );
        }
      });
    });

    describe('groups', () => {
      test('a group goes on at its committed position after a restart; another group is not affected', async () => {
        await log.append(['a', 'b', 'c'].map((text) => record('orders', 0, text)));
        const consumer = await member();
        await assigned(consumer);
        await texts(consumer, 3);
        await consumer.commit([{ topic: 'orders', partition: 0, offset: 2 }]);
        log = await under.reopen();
        const again = await member();
        await assigned(again);
        assert.deepEqual(await texts(again, 1), ['c']);
        const other = await member({ group: 'others' });
        await assigned(other);
        assert.deepEqual(await texts(other, 3), ['a', 'b', 'c']);
      });

      test('a second member gets its share only after the first has let go of it, at the position committed then', async () => {
        await log.append([0, 1, 2].map((partition) => record('orders', partition, `${partition}`)));
        const first = await member();
        assert.deepEqual(await assigned(first), [0, 1, 2]);
        await texts(first, 3);
        const second = await member();
        assert.deepEqual(await assigned(second), []);
        const taken = poll(second);
        const revoked = await poll(first);
        assert(revoked.kind === 'revoked' && !revoked.lost);
        // Still this member's until it polls again: what it has done can be committed.
        await first.commit(revoked.partitions.map((place) => ({ ...place, offset: 1 })));
        const waiting = poll(first);
        const given = await taken;
        assert(given.kind === 'assigned');
        assert.deepEqual(
          given.partitions,
          revoked.partitions.map((place) => ({ ...place, offset: 1 })),
        );
        const [moved] = revoked.partitions;
        assert(moved !== undefined);
        await assert.rejects(first.commit([{ ...moved, offset: 1 }]), failsWith('LOG_NOT_ASSIGNED', 'never'));
        await second.close();
        const back = await waiting;
        assert(back.kind === 'assigned');
        assert.deepEqual(back.partitions, given.partitions);
      });

      test('members beyond the partitions wait with nothing', async () => {
        const members = [await member(), await member(), await member(), await member()];
        const counts: number[] = [];
        // The first holds all until it has let go of two thirds.
        const [first, ...others] = members;
        assert(first !== undefined);
        let held = (await assigned(first)).length;
        if (held === 3) {
          const revoked = await poll(first);
          assert(revoked.kind === 'revoked');
          held -= revoked.partitions.length;
          void poll(first);
        }
        counts.push(held);
        for (const other of others) {
          let partitions = await assigned(other);
          if (
            partitions.length === 0 &&
            other !== members[0] &&
            counts.reduce((sum, count) => sum + count, 0) < 3
          ) {
            partitions = await assigned(other);
          }
          counts.push(partitions.length);
        }
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          3,
        );
        assert(counts.every((count) => count <= 1));
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

      test('a tombstone is read until its time is over, then the key is gone', async () => {
        await log.append([record('states', 0, 'x', 'a'), record('states', 0, null, 'a')]);
        await log.expire(under.nowMs());
        const read = await log.read({ topic: 'states', partition: 0, offset: 0 }, 10);
        assert.equal(read.at(-1)?.value, null);
        under.pass(2000);
        await log.expire(under.nowMs());
        assert.deepEqual(await log.read({ topic: 'states', partition: 0, offset: 0 }, 10), []);
      });

      test('retention removes what is old and keeps what is young; offsets go on', async () => {
        await log.append([record('prices', 0, 'old'), record('prices', 0, 'old')]);
        under.pass(5000);
        await log.append([record('prices', 0, 'young')]);
        assert.equal(await log.expire(under.nowMs()), 2);
        const read = await log.read({ topic: 'prices', partition: 0, offset: 0 }, 10);
        assert.deepEqual(
          read.map(({ offset }) => offset),
          [2],
        );
        assert.deepEqual(await log.extents('prices'), [
          { topic: 'prices', partition: 0, firstOffset: 2, nextOffset: 3 },
        ]);
        log = await under.reopen();
        assert.deepEqual(await log.extents('prices'), [
          { topic: 'prices', partition: 0, firstOffset: 2, nextOffset: 3 },
        ]);
      });

      test('a topic kept for ever loses nothing', async () => {
        await log.append([record('orders', 0, 'kept')]);
        under.pass(1e12);
        await log.expire(under.nowMs());
        assert.deepEqual(await all(log, 'orders', 0), ['kept']);
      });
    });
  });
}
