/**
 * Appends outside of transactions of their users.
 *
 * One record by itself goes through an idempotent producer: it is written or it is not, and many at a time share their
 * requests. Several records together are all written or none, which only a transaction does; those that come while one
 * is under way share the next.
 */
import assert from 'node:assert/strict';
import type { Position } from '../event-log.ts';
import { DeliveringProducer, type PlacedRecord } from './delivering-producer.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { KafkaFailure } from './kafka-library.ts';
import { appendingSettings } from './kafka-settings.ts';
import type { KafkaTransactions } from './kafka-transactions.ts';
import type { LogEnds } from './log-ends.ts';

const RECORDS_PER_TRANSACTION = 20_000;

interface Waiting {
  readonly records: readonly PlacedRecord[];
  resolve(positions: readonly Position[]): void;
  reject(error: unknown): void;
}

type Opener = Pick<KafkaConnection, 'runtime' | 'logger' | 'producer' | 'appendFailed' | 'unavailable'>;

export interface AppenderParts {
  readonly connection: Opener;
  readonly ends: Pick<LogEnds, 'noteSeen'>;
  readonly prefix: string;
  readonly producer: DeliveringProducer;
  openTransactions(): Promise<KafkaTransactions>;
}

export class KafkaAppender {
  readonly #parts: AppenderParts;
  #producer: DeliveringProducer;
  #replacing: Promise<DeliveringProducer> | null = null;
  #transactions: KafkaTransactions | null = null;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  readonly #sending = new Set<Promise<unknown>>();

  constructor(parts: AppenderParts) {
    this.#parts = parts;
    this.#producer = parts.producer;
  }

  append(records: readonly PlacedRecord[]): Promise<readonly Position[]> {
    const [first] = records;
    if (first === undefined) return Promise.resolve([]);
    const appended = records.length === 1 ? this.#appendOne(first) : this.#appendTogether(records);
    this.#sending.add(appended);
    const forget = () => this.#sending.delete(appended);
    appended.then(forget, forget);
    return appended;
  }

  async #appendOne(record: PlacedRecord): Promise<readonly Position[]> {
    const { connection, ends, prefix } = this.#parts;
    const producer = await this.#working();
    try {
      const [offset] = await producer.send([record], connection.runtime.clock.nowMs(), prefix);
      assert(offset !== undefined && offset >= 0, 'a record written has an offset');
      ends.noteSeen(record.topic, record.partition, offset + 1);
      return [{ topic: record.topic, partition: record.partition, offset }];
    } catch (error) {
      throw connection.appendFailed(error);
    }
  }

  /** A client that has failed for good is replaced by another, which may take several tries while brokers are away. */
  async #working(): Promise<DeliveringProducer> {
    if (this.#producer.fatal === null) return this.#producer;
    this.#replacing ??= this.#replace(this.#producer.fatal).finally(() => {
      this.#replacing = null;
    });
    return await this.#replacing;
  }

  async #replace(fatal: KafkaFailure): Promise<DeliveringProducer> {
    const { connection } = this.#parts;
    const failed = this.#producer;
    this.#producer = new DeliveringProducer(await connection.producer('append', appendingSettings()));
    void failed.client.close();
    connection.logger.warn({ error: fatal.message }, 'a Kafka producer failed for good: another was opened');
    return this.#producer;
  }

  #appendTogether(records: readonly PlacedRecord[]): Promise<readonly Position[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Position[]>();
    this.#waiting.push({ records, resolve, reject });
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return promise;
  }

  async #write(): Promise<void> {
    // Those of the same turn of the event loop come along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const together = this.#take();
      try {
        if (this.#transactions?.isSpent === true) {
          const spent = this.#transactions;
          this.#transactions = null;
          await spent.close();
        }
        this.#transactions ??= await this.#parts.openTransactions();
        const outcome = await this.#transactions.commitPlaced(together.flatMap(({ records }) => records));
        if (outcome.kind === 'fenced')
          throw this.#parts.connection.unavailable(
            'ended this transaction: another process has the same instance name',
          );
        let from = 0;
        for (const { records, resolve } of together) {
          resolve(outcome.positions.slice(from, from + records.length));
          from += records.length;
        }
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
  }

  #take(): readonly Waiting[] {
    let records = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && records + waiting.records.length > RECORDS_PER_TRANSACTION) break;
      records += waiting.records.length;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#sending);
    await this.#transactions?.close();
    await this.#producer.client.close();
  }
}
