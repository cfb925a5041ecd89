/**
 * Transactions under one transactional id, one after the other.
 *
 * ```
 * begin ─▶ records, positions ─▶ commit ─▶ committed
 *              │ failed              │ must be aborted ─▶ aborted: nothing was written
 *              └─▶ aborted           └ no answer ─▶ unknown
 * ```
 * After a failure that leaves the client in doubt this producer is spent: its user opens another, which fences this one
 * and ends what it may have left open. It never does so itself, since by then somebody else may be the owner.
 */
import assert from 'node:assert/strict';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { CommitOutcome, NewRecord, Position, Transaction, TransactionalProducer } from '../event-log.ts';
import { DeliveringProducer, type PlacedRecord } from './delivering-producer.ts';
import type { HeldClient } from './held-client.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { closedError, isFenced } from './kafka-failures.ts';
import { isKafkaFailure, type KafkaFailure, type NativeConsumer } from './kafka-library.ts';
import {
  CALL_TIMEOUT_MS,
  type Reports,
  TRANSACTION_TIMEOUT_MS,
  transactionalSettings,
} from './kafka-settings.ts';
import { beyondEnd, type LogEnds } from './log-ends.ts';

/** Of records without a group's positions, by a producer that is told offsets. */
export type PlacedOutcome =
  | { readonly kind: 'committed'; readonly positions: readonly Position[] }
  | { readonly kind: 'fenced' };

/** Hands nothing over any more when nothing remains. */
type Send<Sent> = (remainingMs: () => number) => Promise<Sent>;

type Connection = Pick<
  KafkaConnection,
  'producer' | 'read' | 'once' | 'runtime' | 'logger' | 'name' | 'failed' | 'unavailable'
>;

export interface TransactionsParts {
  readonly connection: Connection;
  readonly ends: Pick<LogEnds, 'beyond' | 'noteSeen'>;
  readonly prefix: string;
  readonly reports: Reports;
  place(record: NewRecord): PlacedRecord;
  assertPlace(position: Position): void;
  /** A client that names the group in the transaction. */
  groupName(group: string): Promise<HeldClient<NativeConsumer>>;
  onClosed(transactions: KafkaTransactions): void;
}

/** Of a commit in all: what it waits for before it, each of its calls, and an abort. */
const COMMIT_LIMIT_MS = 3 * TRANSACTION_TIMEOUT_MS;

export class KafkaTransactions implements TransactionalProducer {
  readonly transactionalId: string;
  readonly #parts: TransactionsParts;
  readonly #producer: DeliveringProducer;
  #turn: Promise<unknown> = Promise.resolve();
  #ending: 'fenced' | 'spent' | 'closed' | null = null;

  private constructor(transactionalId: string, parts: TransactionsParts, producer: DeliveringProducer) {
    this.transactionalId = transactionalId;
    this.#parts = parts;
    this.#producer = producer;
  }

  /** Fences the former holder, and ends its transaction when it left one open. */
  static async open(transactionalId: string, parts: TransactionsParts): Promise<KafkaTransactions> {
    const { connection, prefix, reports } = parts;
    const settings = transactionalSettings(prefix + transactionalId, reports);
    const producer = new DeliveringProducer(await connection.producer('transactions', settings));
    try {
      await connection.read('init_transactions', () =>
        producer.client.call<undefined>((native, callback) =>
          native.initTransactions(CALL_TIMEOUT_MS, answer(callback)),
        ),
      );
    } catch (error) {
      await producer.client.close();
      throw error;
    }
    return new KafkaTransactions(transactionalId, parts, producer);
  }

  /** Whether another commit would only say that it cannot be. */
  get isSpent(): boolean {
    return this.#ending !== null;
  }

  async commit(transaction: Transaction): Promise<CommitOutcome> {
    assert(this.#ending !== 'closed', 'this producer is closed');
    assert(this.#parts.reports === 'failures', 'nobody waits for offsets here');
    const { records, consumed } = transaction;
    const placed = records.map((record) => this.#parts.place(record));
    for (const position of consumed?.positions ?? []) this.#parts.assertPlace(position);
    const send = (remainingMs: () => number) => this.#sendAll(placed, remainingMs);
    const done = await this.#inTurn(() => this.#run(send, consumed));
    return { kind: done === 'fenced' ? 'fenced' : 'committed' };
  }

  /** Of records that were checked already, and where they are then. */
  async commitPlaced(placed: readonly PlacedRecord[]): Promise<PlacedOutcome> {
    const { connection, ends, prefix, reports } = this.#parts;
    assert(reports === 'offsets', 'this producer is not told offsets');
    const offsets = await this.#inTurn(() =>
      this.#run(() => this.#producer.send(placed, connection.runtime.clock.nowMs(), prefix), undefined),
    );
    if (offsets === 'fenced') return { kind: 'fenced' };
    const positions = placed.map(({ topic, partition }, at) => {
      const offset = offsets[at];
      assert(offset !== undefined && offset >= 0, 'every record committed has an offset');
      ends.noteSeen(topic, partition, offset + 1);
      return { topic, partition, offset };
    });
    return { kind: 'committed', positions };
  }

  #sendAll(placed: readonly PlacedRecord[], remainingMs: () => number): Promise<void> {
    const { connection, prefix } = this.#parts;
    return this.#producer.sendAll(placed, connection.runtime.clock.nowMs(), prefix, remainingMs);
  }

  async #inTurn<Value>(task: () => Promise<Value>): Promise<Value> {
    const former = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await former;
    try {
      return await task();
    } finally {
      resolve();
    }
  }

  async #run<Sent>(send: Send<Sent>, consumed: Transaction['consumed']): Promise<Sent | 'fenced'> {
    const { connection, ends } = this.#parts;
    if (this.#ending === 'fenced') return 'fenced';
    if (this.#ending === 'closed') throw closedError();
    if (this.#ending === 'spent') throw connection.unavailable('failed this producer before: open another');
    if (consumed !== undefined) {
      const beyond = await ends.beyond(consumed.positions);
      if (beyond !== null) throw beyondEnd(beyond);
    }
    return await connection.once('transaction', () => this.#transact(send, consumed), COMMIT_LIMIT_MS);
  }

  async #transact<Sent>(send: Send<Sent>, consumed: Transaction['consumed']): Promise<Sent | 'fenced'> {
    const { client } = this.#producer;
    const { prefix, connection } = this.#parts;
    const { clock } = connection.runtime;
    let untilMs = Number.NEGATIVE_INFINITY;
    try {
      const name = consumed === undefined ? null : await this.#parts.groupName(consumed.group);
      await client.call<undefined>((native, callback) => native.beginTransaction(answer(callback)));
      untilMs = clock.monotonicMs() + CALL_TIMEOUT_MS;
      const sending = send(() => untilMs - clock.monotonicMs());
      // Its failure is told below, also when the positions fail first.
      sending.catch(() => undefined);
      if (name !== null && consumed !== undefined && consumed.positions.length > 0) {
        const positions = consumed.positions.map(({ topic, partition, offset }) => ({
          topic: prefix + topic,
          partition,
          offset,
        }));
        await name.hold(
          client.call<undefined>((native, callback) =>
            name.now((group) =>
              native.sendOffsetsToTransaction(positions, group, CALL_TIMEOUT_MS, answer(callback)),
            ),
          ),
        );
      }
      const sent = await sending;
      const outcome = await this.#commit();
      return outcome === 'fenced' ? 'fenced' : sent;
    } catch (error) {
      // What is not handed over by now would be part of the next transaction.
      untilMs = Number.NEGATIVE_INFINITY;
      if (isFenced(error)) return this.#fenced();
      if (error instanceof OperatingError) throw error;
      await this.#abort(error);
      // The end says that records have failed, and their reports, which are here by now, say why.
      const { failure } = this.#producer;
      if (isFenced(failure)) return this.#fenced();
      throw connection.failed(failure ?? error);
    }
  }

  #fenced(): 'fenced' {
    this.#ending = 'fenced';
    return 'fenced';
  }

  async #commit(): Promise<'committed' | 'fenced'> {
    const { connection } = this.#parts;
    const endMs = connection.runtime.clock.monotonicMs() + TRANSACTION_TIMEOUT_MS;
    for (;;) {
      try {
        await this.#producer.client.call<undefined>((native, callback) =>
          native.commitTransaction(CALL_TIMEOUT_MS, answer(callback)),
        );
        return 'committed';
      } catch (error) {
        if (!isKafkaFailure(error)) throw error;
        if (isFenced(error)) return this.#fenced();
        // The caller aborts, and then nothing of it was written.
        if (error.isTxnRequiresAbort === true) throw error;
        // The client goes on with the commit that it began.
        if (error.isRetriable === true && connection.runtime.clock.monotonicMs() < endMs) continue;
        this.#ending = 'spent';
        throw new OperatingError(
          'LOG_OUTCOME_UNKNOWN',
          `${connection.name} did not confirm a transaction, which may have been committed (${error.message}).`,
          { retry: 'unknown', cause: error },
        );
      }
    }
  }

  /** A transaction that is not aborted is given up by the broker; this producer cannot begin another. */
  async #abort(why: unknown): Promise<void> {
    const { connection, transactionalId } = { ...this.#parts, transactionalId: this.transactionalId };
    connection.logger.debug({ transactionalId, error: why }, 'a transaction is aborted');
    try {
      await this.#producer.client.call<undefined>((native, callback) =>
        native.abortTransaction(CALL_TIMEOUT_MS, answer(callback)),
      );
    } catch (error) {
      if (!isKafkaFailure(error)) throw error;
      this.#ending = isFenced(error) ? 'fenced' : 'spent';
      connection.logger.warn({ transactionalId, error: error.message }, 'a transaction could not be aborted');
    }
  }

  async close(): Promise<void> {
    if (this.#ending === 'closed') return;
    await this.#turn;
    this.#ending = 'closed';
    this.#parts.onClosed(this);
    await this.#producer.client.close();
  }
}

function answer(
  callback: (error: KafkaFailure | null | undefined, nothing: undefined) => void,
): (error: KafkaFailure | null | undefined) => void {
  return (error) => callback(error, undefined);
}
