/** What the consumers and groups of every event log adapter must do; part of event-log.contract.ts. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { failsWith, type LogUnderTest, RETAINED, record, textOf } from './event-log.testing.ts';
import type { Consumer, ConsumerSpec, EventLog, LogRecord, Polled } from './event-log.ts';

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

export function registerConsumersContract(adapter: string, open: () => Promise<LogUnderTest>): void {
  describe(`event log contract, consumers: ${adapter}`, () => {
    let under: LogUnderTest;
    let log: EventLog;

    beforeEach(async () => {
      under = await open();
      log = under.log;
      await log.ensureTopics([RETAINED]);
    });
    afterEach(() => under.dispose());

    const reader = (spec: Partial<ConsumerSpec> = {}) =>
      log.openConsumer({ group: null, topics: [RETAINED.name], start: 'earliest', ...spec });
    const member = (spec: Partial<ConsumerSpec> = {}) => reader({ group: 'readers', ...spec });

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

      test('readers of this process are given the very bytes that it wrote where the log says so, and nowhere else', async () => {
        const consumer = await reader();
        await assigned(consumer);
        const written = record('orders', 0, 'mine');
        await log.append([written]);
        const polled = await poll(consumer);
        assert(polled.kind === 'records');
        assert.equal(polled.records[0]?.value === written.value, log.givesWrittenBytes);
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

      test('latest counts from the opening, however late the first poll', async () => {
        await log.append([record('orders', 0, 'old')]);
        const consumer = await reader({ start: 'latest' });
        await log.append([record('orders', 0, 'after opening')]);
        await assigned(consumer);
        assert.deepEqual(await texts(consumer, 1), ['after opening']);
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
        const places = [1, 0].map((partition) => ({ topic: 'orders', partition }));
        assert.deepEqual(await log.committedPositions('readers', places), [{ ...places[1], offset: 2 }]);
        assert.deepEqual(await log.committedPositions('readers', places.slice(0, 1)), []);
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
        // Back-pressure does not trip over what is being taken away.
        for (const place of revoked.partitions) first.resume(place);
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

      test('a member that seeks is given of each partition what is from there on, and nothing before it has sought', async () => {
        const appended = await log.append(
          [0, 1, 2].flatMap((partition) =>
            ['a', 'b'].map((text) => record('orders', partition, `${text}${partition}`)),
          ),
        );
        const consumer = await member({ start: 'sought' });
        assert.deepEqual(await assigned(consumer), [0, 1, 2]);
        consumer.seek(appended[3] ?? assert.fail());
        assert.deepEqual(await texts(consumer, 1), ['b1']);
        const waiting = texts(consumer, 2);
        consumer.seek(appended[0] ?? assert.fail());
        assert.deepEqual(await waiting, ['a0', 'b0']);
        await log.append([record('orders', 2, 'held')]);
        consumer.pause({ topic: 'orders', partition: 2 });
        consumer.resume({ topic: 'orders', partition: 2 });
        await log.append([record('orders', 1, 'c1')]);
        assert.deepEqual(await texts(consumer, 1), ['c1']);
        await log.append([record('orders', 0, 'c0')]);
        assert.deepEqual(await texts(consumer, 1), ['c0']);
        await consumer.close();
        const next = await member();
        assert.deepEqual(await assigned(next), [0, 1, 2]);
      });

      test('each partition has one member at a time, and members beyond the partitions wait with nothing', async () => {
        const members = [await member(), await member(), await member(), await member()];
        const held = members.map(() => new Set<number>());
        const settled = new AbortController();
        const spread = () =>
          held.every(({ size }) => size <= 1) && held.reduce((sum, { size }) => sum + size, 0) === 3;
        await Promise.all(
          members.map(async (each, at) => {
            const own = held[at];
            assert(own !== undefined);
            for (;;) {
              const polled = await each.poll({ maxRecords: 1, signal: settled.signal });
              if (polled.kind === 'ended') return;
              assert(polled.kind === 'assigned' || polled.kind === 'revoked');
              for (const { partition } of polled.partitions) {
                if (polled.kind === 'revoked') own.delete(partition);
                else {
                  assert(!held.some((others) => others.has(partition)), `${partition} has two members`);
                  own.add(partition);
                }
              }
              if (spread()) settled.abort();
            }
          }),
        );
        assert(spread());
      });
    });
  });
}
