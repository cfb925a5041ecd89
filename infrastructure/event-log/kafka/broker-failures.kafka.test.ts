/** A log on Kafka when its broker, or its owner, fails in the middle of things. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { retryForever } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { startServer } from '#tests/support/servers.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { ServerProcess } from '../../../scripts/dev-servers/server-process.ts';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import type { CommitOutcome, LogRecord, TransactionalProducer } from '../event-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

async function all(under: KafkaLogUnderTest, partition: number): Promise<readonly LogRecord[]> {
  const read: LogRecord[] = [];
  for (;;) {
    const offset = (read.at(-1)?.offset ?? -1) + 1;
    const page = await under.log.read({ topic: 'orders', partition, offset }, 1_000);
    if (page.length === 0) return read;
    read.push(...page);
  }
}

describe('a broker that fails', () => {
  let broker: ServerProcess;
  let under: KafkaLogUnderTest;

  before(async () => {
    broker = await startServer('kafka');
    under = await openKafkaLogUnderTest({}, broker.url);
    await under.log.ensureTopics([RETAINED]);
  });
  after(() => under.dispose());

  function patiently<Value>(task: () => Promise<Value>, retryUnknown: boolean): Promise<Value> {
    const { timers, randomness } = under.runtime;
    const { signal } = new AbortController();
    const options = { timers, randomness, signal, logger: SILENT, what: 'test', retryUnknown };
    return retryForever(task, options).then((outcome) => {
      assert(outcome.kind === 'done');
      return outcome.value;
    });
  }

  test('killed in the middle of appends: what was acknowledged is there, once and in order', async () => {
    const acknowledged: string[] = [];
    const unknown: string[] = [];
    let next = 0;
    let killed: Promise<void> | null = null;
    while (next < 300) {
      const batch = Array.from({ length: 20 }, () => `a${next++}`);
      if (next > 100) killed ??= broker.kill().then(() => broker.startAgain());
      await Promise.all(
        batch.map(async (text) => {
          try {
            await patiently(() => under.log.append([record('orders', 0, text)]), false);
            acknowledged.push(text);
          } catch (error) {
            assert(error instanceof OperatingError && error.code === 'LOG_OUTCOME_UNKNOWN', String(error));
            unknown.push(text);
          }
        }),
      );
    }
    await killed;
    const there = (await patiently(() => all(under, 0), true)).map(textOf);
    assert.equal(new Set(there).size, there.length, 'a record is there twice');
    const lost = acknowledged.filter((text) => !there.includes(text));
    assert.deepEqual(lost, []);
    assert.deepEqual(
      there.filter((text) => !acknowledged.includes(String(text)) && !unknown.includes(String(text))),
      [],
    );
  });

  test('killed in the middle of commits: outputs and positions go together, nothing lost, nothing twice', async () => {
    const inputs = 400;
    await patiently(
      () => under.log.append(Array.from({ length: inputs }, (_, at) => record('orders', 1, `${at}`))),
      false,
    );
    // Committed is durable at once, and read when its marker is written.
    let input = await all(under, 1);
    while (input.length < inputs) input = await all(under, 1);
    let killed: Promise<void> | null = null;
    let producer: TransactionalProducer | null = null;
    const positionOf = async () =>
      (await patiently(() => under.log.committedPositions('copier'), true)).find(
        ({ partition }) => partition === 1,
      )?.offset ?? 0;
    let position = 0;
    for (let commits = 0; position <= (input.at(-1)?.offset ?? 0); commits += 1) {
      if (commits === 10) {
        await broker.kill();
        killed = broker.startAgain();
      }
      try {
        if (producer === null) {
          // As every owner does: fence first, then look where to go on.
          producer = await patiently(() => under.log.openProducer('copier-1'), true);
          position = await positionOf();
        }
        const records = input.filter(({ offset }) => offset >= position).slice(0, 10);
        const last = records.at(-1);
        if (last === undefined) break;
        const outcome: CommitOutcome = await producer.commit({
          records: records.map((read) => record('orders', 2, textOf(read))),
          consumed: {
            group: 'copier',
            positions: [{ topic: 'orders', partition: 1, offset: last.offset + 1 }],
          },
        });
        assert.equal(outcome.kind, 'committed');
        position = last.offset + 1;
      } catch (error) {
        assert(error instanceof OperatingError, String(error));
        await producer?.close();
        producer = null;
      }
    }
    assert(killed !== null, 'the broker was killed on the way');
    await killed;
    await producer?.close();
    const copied = (await patiently(() => all(under, 2), true)).map(textOf);
    assert.deepEqual(copied, input.map(textOf));
  });

  test('paused for a while: a call waits or fails in words, and the same log goes on afterwards', async () => {
    broker.pause();
    const appending = under.log.append([record('orders', 0, 'while paused')]).then(
      () => 'written',
      (error: unknown) => (error instanceof OperatingError ? error.code : String(error)),
    );
    await under.runtime.timers.sleep(5_000);
    broker.resume();
    assert.equal(await appending, 'written');
    const there = (await patiently(() => all(under, 0), true)).map(textOf);
    assert.equal(there.filter((text) => text === 'while paused').length, 1);
  });

  test('away for longer than a call waits: a question for a position fails in words, and is answered when it is back', async () => {
    await broker.kill();
    await assert.rejects(
      under.log.committedPositions('copier'),
      (error) => error instanceof OperatingError && error.code === 'LOG_UNAVAILABLE',
    );
    await broker.startAgain();
    const positions = await patiently(() => under.log.committedPositions('copier'), true);
    assert.deepEqual(
      positions.map(({ topic, partition }) => ({ topic, partition })),
      [{ topic: 'orders', partition: 1 }],
    );
  });

  test('a member goes on by itself when a broker that was away is back', async () => {
    const consumer = await under.log.openConsumer({
      group: 'followers',
      topics: ['orders'],
      start: 'earliest',
    });
    const signal = AbortSignal.timeout(60_000);
    assert.equal((await consumer.poll({ maxRecords: 10, signal })).kind, 'assigned');
    await broker.kill();
    await broker.startAgain();
    await patiently(() => under.log.append([record('orders', 0, 'after')]), false);
    const seen: (string | null)[] = [];
    while (!seen.includes('after')) {
      const polled = await patiently(() => consumer.poll({ maxRecords: 1_000, signal }), true);
      assert.notEqual(polled.kind, 'ended', `${seen.length} records were seen`);
      if (polled.kind === 'records') seen.push(...polled.records.map(textOf));
    }
    await consumer.close();
  });
});
