/** Transactions of more records than the client takes at once, as one input may lead to. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { NewRecord } from '../event-log.ts';
import { CODE } from './kafka-failures.ts';
import { TRANSACTION_TIMEOUT_MS, transactionalSettings } from './kafka-settings.ts';
import { KafkaTransactions } from './kafka-transactions.ts';
import { FakeProducer, fakeGroupName } from './native-clients.testing.ts';

type Flushed = Parameters<FakeProducer['flush']>[1];

const LIMITS = transactionalSettings('limits', 'failures');
const MOST_RECORDS = Number(LIMITS['queue.buffering.max.messages']);
const MOST_BYTES = Number(LIMITS['queue.buffering.max.kbytes']) * 1_024;

/** Takes as much as the client does; what waits is written when somebody waits for it, and takes as long as it is told. */
class Broker extends FakeProducer {
  nowMs = 0;
  flushMs = 0;
  /** While it is set, what waits is not written before these are called. */
  held: (() => void)[] | null = null;
  /** How many records each transaction was handed. */
  readonly handed: number[] = [];
  #records = 0;
  #bytes = 0;

  override beginTransaction = (callback: Flushed) => {
    this.handed.push(0);
    queueMicrotask(() => callback(null));
  };

  override produce(...record: Parameters<FakeProducer['produce']>): unknown {
    this.#records += 1;
    this.#bytes += (record[2]?.length ?? 0) + (record[3]?.length ?? 0);
    if (this.#records > MOST_RECORDS || this.#bytes > MOST_BYTES)
      throw Object.assign(new Error('Local: Queue full'), { code: CODE.queueFull });
    this.handed[this.handed.length - 1] = (this.handed.at(-1) ?? 0) + 1;
    return super.produce(...record);
  }

  override flush(timeoutMs: number, callback: Flushed): void {
    const written = () => {
      this.#records = 0;
      this.#bytes = 0;
      this.nowMs += Math.min(this.flushMs, timeoutMs);
      callback(this.flushMs > timeoutMs ? { code: CODE.timedOut, message: 'Local: Timed out' } : null);
    };
    if (this.held === null) queueMicrotask(written);
    else this.held.push(written);
  }
}

describe('a transaction of more than the client takes at once', () => {
  let broker: Broker;
  let transactions: KafkaTransactions;

  beforeEach(async () => {
    broker = new Broker();
    const system = createSystemRuntime();
    const runtime: Runtime = { ...system, clock: { ...system.clock, monotonicMs: () => broker.nowMs } };
    transactions = await KafkaTransactions.open('owner', {
      connection: {
        runtime,
        logger: SILENT,
        name: 'Kafka',
        producer: async () => broker.client,
        read: (_what, task) => task(),
        once: (_what, task) => task(),
        failed: (error) => error,
        unavailable: () => assert.fail('nothing is unavailable'),
      },
      ends: { beyond: async () => null, noteSeen: () => {} },
      prefix: '',
      reports: 'failures',
      place: ({ topic, key, value }) => ({ topic, partition: 0, key, value }),
      assertPlace: () => {},
      groupName: async () => fakeGroupName(),
      onClosed: () => {},
    });
  });

  function records(count: number, bytes = 1): readonly NewRecord[] {
    const value = Buffer.alloc(bytes);
    return Array.from({ length: count }, () => ({ topic: 'orders', key: 'k'.repeat(1_024), value }));
  }

  test('is handed over as the client takes it, of many records and of large ones', async () => {
    const large = 1_024 * 1_024 - 1_024;
    const few = 2 * Math.ceil(MOST_BYTES / large);
    assert.equal((await transactions.commit({ records: records(MOST_RECORDS + 1) })).kind, 'committed');
    assert.equal((await transactions.commit({ records: records(few, large) })).kind, 'committed');
    assert.deepEqual(broker.handed, [MOST_RECORDS + 1, few]);
  });

  test('has nothing more handed over when it has failed, since that would be part of the next one', async () => {
    broker.held = [];
    broker.sendOffsetsToTransaction = (_positions, _group, _timeoutMs, callback) =>
      queueMicrotask(() => callback({ code: CODE.unknownTopicOrPartition, message: 'no such topic' }));
    const consumed = { group: 'g', positions: [{ topic: 'orders', partition: 0, offset: 1 }] };
    await assert.rejects(transactions.commit({ records: records(MOST_RECORDS + 1), consumed }), {
      code: CODE.unknownTopicOrPartition,
    });
    const [first = assert.fail('the former one waits for its first records')] = broker.held;
    const second = transactions.commit({ records: records(1) });
    for (let turns = 0; broker.held.length === 1 && turns < 100; turns += 1) await Promise.resolve();
    first();
    broker.held[1]?.();
    assert.equal((await second).kind, 'committed');
    assert.deepEqual(broker.handed.slice(1), [1]);
  });

  test('is given up before the broker does so', async () => {
    broker.flushMs = TRANSACTION_TIMEOUT_MS / 4;
    await assert.rejects(transactions.commit({ records: records(MOST_RECORDS) }), {
      code: CODE.timedOut,
      message: `a transaction of ${MOST_RECORDS} records was not written in time`,
    });
    assert.ok(broker.nowMs < TRANSACTION_TIMEOUT_MS, `${broker.nowMs} ms`);
    broker.flushMs = 0;
    assert.equal((await transactions.commit({ records: records(1) })).kind, 'committed');
  });
});
