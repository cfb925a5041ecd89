/** Any sequence of appends, transactions, commits, restarts and expiries leaves the log as a simple model says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { COMPACTED, EXPIRING, RETAINED, record, textOf } from '../event-log.testing.ts';
import type { Consumer, LogRecord, TransactionalProducer } from '../event-log.ts';
import { verifyLog } from '../verify-log.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { openSqliteLogUnderTest, type SqliteLogUnderTest } from './sqlite-log.testing.ts';

const TOPICS = [RETAINED, EXPIRING, COMPACTED];

interface ModelRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly text: string | null;
  readonly atMs: number;
}

/** Plain arrays by partition, and numbers. */
class Model {
  readonly records = new Map<string, ModelRecord[]>();
  readonly next = new Map<string, number>();
  readonly committed = new Map<number, number>();
  readonly read = new Map<number, number>();
  owner: TransactionalProducer | null = null;
  former: TransactionalProducer | null = null;
  consumer: Consumer | null = null;

  append(topic: string, partition: number, key: string | null, text: string | null, atMs: number): number {
    const place = `${topic}/${partition}`;
    const offset = this.next.get(place) ?? 0;
    this.next.set(place, offset + 1);
    const kept = (this.records.get(place) ?? []).filter((old) => topic !== COMPACTED.name || old.key !== key);
    this.records.set(place, [...kept, { offset, key, text, atMs }]);
    return offset;
  }

  expire(nowMs: number): void {
    for (const [place, records] of this.records) {
      if (place.startsWith(EXPIRING.name)) {
        const young = records.findIndex(({ atMs }) => atMs >= nowMs - 1000);
        this.records.set(place, young < 0 ? [] : records.slice(young));
      } else if (place.startsWith(COMPACTED.name)) {
        this.records.set(
          place,
          records.filter(({ text, atMs }) => text !== null || atMs >= nowMs - 1000),
        );
      }
    }
  }
}

type World = { under: SqliteLogUnderTest; log: SqliteLogUnderTest['log'] };
type Command = fc.AsyncCommand<Model, World>;

const place = fc.oneof(
  fc.record({
    topic: fc.constant(RETAINED.name),
    partition: fc.nat(2),
    key: fc.constantFrom(null, 'a', 'b'),
  }),
  fc.record({ topic: fc.constant(EXPIRING.name), partition: fc.constant(0), key: fc.constant(null) }),
  fc.record({
    topic: fc.constant(COMPACTED.name),
    partition: fc.nat(2),
    key: fc.constantFrom('a', 'b', 'c'),
  }),
);
const batch = fc.array(fc.record({ place, text: fc.option(fc.string({ maxLength: 5 }), { nil: null }) }), {
  minLength: 1,
  maxLength: 6,
});
type Batch = typeof batch extends fc.Arbitrary<infer Value> ? Value : never;

function newRecords(written: Batch) {
  return written.map(({ place: { topic, partition, key }, text }) => record(topic, partition, text, key));
}

function applied(model: Model, world: World, written: Batch): readonly number[] {
  return written.map(({ place: { topic, partition, key }, text }) =>
    model.append(topic, partition, key, text, world.under.nowMs()),
  );
}

function command(
  name: string,
  run: (model: Model, world: World) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): Command {
  return { check, run, toString: () => name };
}

const commands: readonly fc.Arbitrary<Command>[] = [
  fc.tuple(batch, batch).map(([one, two]) =>
    command(`append ${JSON.stringify([one, two])}`, async (model, world) => {
      const places = await Promise.all([
        world.log.append(newRecords(one)),
        world.log.append(newRecords(two)),
      ]);
      const expected = [applied(model, world, one), applied(model, world, two)];
      assert.deepEqual(
        places.map((written) => written.map(({ offset }) => offset)),
        expected,
      );
    }),
  ),
  fc.constant(
    command('open a producer', async (model, world) => {
      model.former = model.owner;
      model.owner = await world.log.openProducer('owner');
    }),
  ),
  fc.tuple(batch, fc.nat(2), fc.double({ min: 0, max: 1, noNaN: true })).map(([written, partition, part]) =>
    command(
      `commit ${JSON.stringify(written)}`,
      async (model, world) => {
        const end = model.next.get(`${RETAINED.name}/${partition}`) ?? 0;
        const offset = Math.floor(end * part);
        const consumed = { group: 'model', positions: [{ topic: RETAINED.name, partition, offset }] };
        const transaction = { records: newRecords(written), consumed };
        if (model.former !== null)
          assert.deepEqual(await model.former.commit(transaction), { kind: 'fenced' });
        const outcome = await model.owner?.commit(transaction);
        assert.equal(outcome?.kind, 'committed');
        applied(model, world, written);
        model.committed.set(partition, offset);
      },
      (model) => model.owner !== null,
    ),
  ),
  fc.constant(
    command('restart', async (model, world) => {
      world.log = await world.under.reopen();
      model.owner = null;
      model.former = null;
      model.consumer = null;
      model.read.clear();
    }),
  ),
  fc.nat(1500).map((durationMs) =>
    command(`expire after ${durationMs}`, async (model, world) => {
      world.under.pass(durationMs);
      model.expire(world.under.nowMs());
      await world.log.expire(world.under.nowMs());
    }),
  ),
  fc.integer({ min: 1, max: 5 }).map((maxRecords) =>
    command(`consume ${maxRecords}`, async (model, world) => {
      const signal = new AbortController().signal;
      if (model.consumer === null) {
        model.consumer = await world.log.openConsumer({
          group: 'model',
          topics: [RETAINED.name],
          start: 'earliest',
        });
        const polled = await model.consumer.poll({ maxRecords, signal });
        assert(polled.kind === 'assigned');
        for (const { partition, offset } of polled.partitions) {
          assert.equal(offset, model.committed.get(partition) ?? 0);
          model.read.set(partition, offset);
        }
      }
      const waiting = [0, 1, 2].some(
        (partition) =>
          (model.read.get(partition) ?? 0) < (model.next.get(`${RETAINED.name}/${partition}`) ?? 0),
      );
      if (!waiting) return;
      const polled = await model.consumer.poll({ maxRecords, signal });
      assert(polled.kind === 'records' && polled.records.length <= maxRecords);
      for (const read of polled.records) {
        assert.equal(read.offset, model.read.get(read.partition));
        model.read.set(read.partition, read.offset + 1);
      }
      const positions = [...model.read].map(([partition, offset]) => ({
        topic: RETAINED.name,
        partition,
        offset,
      }));
      await model.consumer.commit(positions);
      for (const { partition, offset } of positions) model.committed.set(partition, offset);
    }),
  ),
];

function modelled(read: LogRecord): ModelRecord {
  return { offset: read.offset, key: read.key, text: textOf(read), atMs: read.appendedAtMs };
}

test('the log is what the model says, before and after a restart, and its seals hold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands([...commands], { maxCommands: 25 }), async (script) => {
      const under = await openSqliteLogUnderTest();
      try {
        const world: World = { under, log: under.log };
        const model = new Model();
        await world.log.ensureTopics(TOPICS);
        await fc.asyncModelRun(() => ({ model, real: world }), script);
        for (const reopened of [false, true]) {
          if (reopened) world.log = await under.reopen();
          for (const { name, partitions } of TOPICS) {
            for (let partition = 0; partition < partitions; partition += 1) {
              const read = await world.log.read({ topic: name, partition, offset: 0 }, 10_000);
              assert.deepEqual(read.map(modelled), model.records.get(`${name}/${partition}`) ?? []);
            }
          }
          const positions = await world.log.committedPositions('model');
          assert.deepEqual(
            new Map(positions.map(({ partition, offset }) => [partition, offset])),
            model.committed,
          );
        }
        await world.log.close();
        const archive = openLogArchiveFromDirectory(under.directory);
        assert.deepEqual(verifyLog(archive).problems, []);
        archive.close();
      } finally {
        await under.dispose();
      }
    }),
    { numRuns: 40 },
  );
});
