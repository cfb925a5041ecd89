/**
 * The one owner of a partition: folds its inputs through the core and commits what follows in one transaction.
 *
 * ```
 * open ──▶ fence the former owner ──▶ restore ──▶ step ──▶ step ──▶ …
 *   ▲                                              │ outcome unknown: the state is thrown away
 *   └──────────────────────────────────────────────┘
 *                                     fenced ──▶ the owner is done, quietly
 * ```
 * Inputs below the head are skipped: what committed is never executed again.
 *
 * While a commit is under way the next inputs are applied. What follows from them is sent when it has ended:
 *
 * ```
 * apply 1 │ apply 2        │ apply 3        │
 *         │ commit 1 ─────▶│ commit 2 ─────▶│ commit 3 ─────▶
 * ```
 */

import assert from 'node:assert/strict';
import type { AccountHalt, ControlsEntity, EntityChange } from '#domain/data/account-state.ts';
import type { Decoded } from '#domain/data/decoded.ts';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import type { PartitionState } from '#domain/trading/engine.ts';
import {
  applyInput,
  currentControls,
  currentTimeMs,
  haltedAccounts,
  INPUTS_IN_GROUP,
  prefetchInputs,
  stateHash,
  takeChangedEntities,
} from '#domain/trading/engine.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';
import { deadLetterRecord } from '#infrastructure/event-log/dead-letters.ts';
import {
  readTradingInput,
  rememberAccountState,
  rememberTradingOutput,
} from '#infrastructure/event-log/decode-once.ts';
import type {
  CommitOutcome,
  EventLog,
  LogRecord,
  NewRecord,
  Transaction,
  TransactionalProducer,
} from '#infrastructure/event-log/event-log.ts';
import { readValue } from '#infrastructure/event-log/read-records.ts';
import { closeQuietly } from './close-quietly.ts';
import { EXECUTION_GROUP, entityRecord, headRecords, outputRecord } from './commit-records.ts';
import { GivingWay } from './giving-way.ts';
import { restore } from './restore.ts';

/**
 * Records after which a commit is closed, so that inputs which lead to much (a price that fills thousands of resting
 * orders) stay within what the log takes at once. A commit still holds at least one input with all that follows from it.
 */
export const COMMIT_RECORDS = 10_000;

export interface StepOutcome extends CommitOutcome {
  readonly inputsApplied: number;
  readonly outputs: number;
  readonly unreadable: number;
}

/** Inputs that are applied. */
export interface AppliedStep {
  /** Spent on it by this thread, without the wait for the log. */
  readonly workedMs: number;
  /** Whether a kill switch or a breaker is otherwise, or somebody waits to hear of one: a control was among the inputs. */
  readonly mirrorIsDue: boolean;
  /** When all of it, and all before it, is. */
  readonly committed: Promise<StepOutcome>;
}

/** What one commit is to hold, and what it took to make it. */
interface AppliedCommit extends Omit<StepOutcome, 'kind'>, Omit<AppliedStep, 'committed'> {
  readonly transaction: Transaction;
}

type OwnerContext = Pick<ServiceContext, 'logger' | 'runtime'>;

export class PartitionOwner {
  readonly partition: number;
  readonly #producer: TransactionalProducer;
  readonly #state: PartitionState;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #givingWay: GivingWay;
  /** Whether what is written is remembered, for projections of this process. */
  readonly #remembers: boolean;
  #nextInputOffset: number;
  #inputsApplied: number;
  #lastCommandId: CommandId | null;
  /** The last commit that was begun. */
  #committing: Promise<CommitOutcome> = Promise.resolve({ kind: 'committed' });
  #allHalted: boolean;
  readonly #halted: Map<AccountId, AccountHalt>;

  private constructor(
    { givesWrittenBytes }: EventLog,
    partition: number,
    producer: TransactionalProducer,
    restored: Awaited<ReturnType<typeof restore>>,
    { logger, runtime }: OwnerContext,
    givingWay: GivingWay,
  ) {
    this.partition = partition;
    this.#producer = producer;
    this.#state = restored.state;
    this.#nextInputOffset = restored.nextInputOffset;
    this.#inputsApplied = restored.inputsApplied;
    this.#lastCommandId = restored.lastCommandId;
    this.#allHalted = currentControls(restored.state).killSwitchEngaged;
    this.#halted = new Map(haltedAccounts(restored.state).map((halt) => [halt.accountId, halt]));
    this.#logger = logger.child({ partition });
    this.#clock = runtime.clock;
    this.#givingWay = givingWay;
    this.#remembers = givesWrittenBytes;
  }

  /**
   * Fences the former owner first, so that what is restored cannot change any more. Throws the signal's reason, between two
   * pages of what it restores, when that is aborted.
   */
  static async open(
    log: EventLog,
    partition: number,
    context: OwnerContext,
    givingWay = new GivingWay(context.runtime),
    signal?: AbortSignal,
  ): Promise<PartitionOwner> {
    const producer = await log.openProducer(`${EXECUTION_GROUP}-${partition}`);
    try {
      const restored = await restore(log, partition, signal);
      return new PartitionOwner(log, partition, producer, restored, context, givingWay);
    } catch (error) {
      await closeQuietly(producer);
      throw error;
    }
  }

  get nextInputOffset(): number {
    return this.#nextInputOffset;
  }

  get inputsApplied(): number {
    return this.#inputsApplied;
  }

  get controls(): ControlsEntity {
    return currentControls(this.#state);
  }

  /** Market time as the partition's inputs tell it, ms; 0 before the first. */
  get timeMs(): number {
    return currentTimeMs(this.#state);
  }

  /** Whether the kill switch of all accounts is engaged. */
  get allHalted(): boolean {
    return this.#allHalted;
  }

  /** Accounts whose own kill switch is engaged, or whose breaker is not open. */
  get halted(): ReadonlyMap<AccountId, AccountHalt> {
    return this.#halted;
  }

  get stateHash(): string {
    return stateHash(this.#state);
  }

  /**
   * Applies `records` (of this partition, in order), which are committed several times when much follows from them.
   * Resolves when the last of these commits has begun, which is when the one before it has ended; only then is the next
   * step to be taken. When something of it throws or is fenced, what is in memory is ahead of the log: the owner must be
   * thrown away and opened again.
   */
  async step(records: readonly LogRecord[]): Promise<AppliedStep> {
    const inputs = records.filter(({ offset }) => offset >= this.#nextInputOffset);
    const sum = { inputsApplied: 0, outputs: 0, unreadable: 0 };
    let workedMs = 0;
    let mirrorIsDue = false;
    for (let from = 0; from < inputs.length; ) {
      const applied = await this.#applyFrom(inputs, from);
      sum.inputsApplied += applied.inputsApplied;
      sum.outputs += applied.outputs;
      sum.unreadable += applied.unreadable;
      workedMs += applied.workedMs;
      mirrorIsDue ||= applied.mirrorIsDue;
      const { kind } = await this.#committing;
      if (kind === 'fenced') break;
      this.#committing = this.#producer.commit(applied.transaction);
      // Told by what is returned, and by the next one, which may not have come to it yet.
      this.#committing.catch(() => undefined);
      from += applied.inputsApplied + applied.unreadable;
    }
    return { workedMs, mirrorIsDue, committed: this.#committing.then(({ kind }) => ({ kind, ...sum })) };
  }

  async #applyFrom(inputs: readonly LogRecord[], from: number): Promise<AppliedCommit> {
    let workedMs = 0;
    let sinceMs = this.#clock.monotonicMs();
    const written: NewRecord[] = [];
    let nextInputOffset = this.#nextInputOffset;
    let applied = 0;
    let outputs = 0;
    let unreadable = 0;
    let mirrorIsDue = false;
    let group: readonly Decoded<TradingInput>[] = [];
    for (let at = from; at < inputs.length && written.length < COMMIT_RECORDS; at += 1) {
      if ((at - from) % INPUTS_IN_GROUP === 0) {
        if (this.#givingWay.isDue()) {
          workedMs += this.#clock.monotonicMs() - sinceMs;
          await this.#givingWay.giveWay();
          sinceMs = this.#clock.monotonicMs();
        }
        group = this.#readGroup(inputs, at);
      }
      const record = inputs[at];
      const decoded = group[(at - from) % INPUTS_IN_GROUP];
      assert(record !== undefined && decoded !== undefined);
      nextInputOffset = record.offset + 1;
      if (decoded.kind === 'unreadable') {
        unreadable += 1;
        this.#logger.warn({ offset: record.offset, reason: decoded.reason }, 'an input cannot be read');
        written.push(deadLetterRecord(record, EXECUTION_GROUP, decoded));
        continue;
      }
      for (const output of applyInput(this.#state, decoded.value)) {
        outputs += 1;
        const record = outputRecord(output, this.partition);
        if (this.#remembers && record.value !== null) rememberTradingOutput(record.value, output);
        written.push(record);
      }
      this.#lastCommandId = decoded.value.commandId;
      if (decoded.value.type === 'Control') mirrorIsDue = true;
      applied += 1;
    }
    this.#inputsApplied += applied;
    this.#nextInputOffset = nextInputOffset;
    for (const change of takeChangedEntities(this.#state)) {
      if (this.#takeHalt(change)) mirrorIsDue = true;
      const record = entityRecord(change, this.partition);
      if (this.#remembers && record.value !== null && change.kind !== 'removed_order')
        rememberAccountState(record.value, change);
      written.push(record);
    }
    written.push(
      ...headRecords({
        kind: 'head',
        partition: this.partition,
        nextInputOffset,
        lastCommandId: this.#lastCommandId,
        inputsApplied: this.#inputsApplied,
        stateHash: stateHash(this.#state),
      }),
    );
    const position = { topic: TOPIC.tradeOrders, partition: this.partition, offset: nextInputOffset };
    workedMs += this.#clock.monotonicMs() - sinceMs;
    return {
      transaction: { records: written, consumed: { group: EXECUTION_GROUP, positions: [position] } },
      inputsApplied: applied,
      outputs,
      unreadable,
      workedMs,
      mirrorIsDue,
    };
  }

  /** Whether `change` sets a kill switch or a breaker that was otherwise. */
  #takeHalt(change: EntityChange): boolean {
    if (change.kind === 'controls') {
      const former = this.#allHalted;
      this.#allHalted = change.killSwitchEngaged;
      return former !== this.#allHalted;
    }
    if (change.kind !== 'account') return false;
    const { accountId, killSwitchEngaged, breaker } = change;
    const former = this.#halted.get(accountId);
    if (!killSwitchEngaged && breaker.state === 'OPEN') return this.#halted.delete(accountId);
    if (former?.killSwitchEngaged === killSwitchEngaged && former.breaker.state === breaker.state)
      return false;
    this.#halted.set(accountId, { accountId, killSwitchEngaged, breaker });
    return true;
  }

  /** Decodes the records from `at` on that the core is to see together. */
  #readGroup(records: readonly LogRecord[], at: number): readonly Decoded<TradingInput>[] {
    const group = records
      .slice(at, at + INPUTS_IN_GROUP)
      .map((record) => readValue(record, readTradingInput));
    const inputs = group.flatMap((decoded) => (decoded.kind === 'decoded' ? [decoded.value] : []));
    prefetchInputs(this.#state, inputs);
    return group;
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}
