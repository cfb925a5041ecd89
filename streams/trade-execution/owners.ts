/**
 * The owners of the partitions that this process is assigned: joins the group, opens an owner per partition, hands
 * each its inputs, and gives up what it loses. An owner is opened beside those at work, and is given inputs from then on.
 *
 * Whatever goes wrong with the log at work ends in the same way: every owner is dropped, the group joined again, and each
 * partition restored from what was committed. Nothing is skipped and nothing is carried over.
 */
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { backoffMs } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';
import type { CommitOutcome, Consumer, EventLog, LogRecord } from '#infrastructure/event-log/event-log.ts';
import { closeQuietly } from './close-quietly.ts';
import { EXECUTION_GROUP, SOURCE } from './commit-records.ts';
import { controlsFor, type WantedControls } from './controls.ts';
import { GivingWay } from './giving-way.ts';
import { countsOf, type HaltsMirror } from './halts-mirror.ts';
import { Openings } from './openings.ts';
import { type AppliedStep, PartitionOwner } from './partition-owner.ts';

/** A turn's applying is kept near this long: a commit costs much the same for many, and what comes meanwhile waits. */
const TARGET_TURN_MS = 40;
const MIN_BATCH = 32;
/** A turn of fewer inputs than this, when no more were waiting, is followed by a pause in which the next ones gather. */
const WORTH_A_TURN = 256;

export interface OwnersOptions {
  readonly context: ServiceContext;
  readonly log: EventLog;
  readonly wanted: WantedControls;
  readonly mirror: Pick<HaltsMirror, 'note' | 'forget'>;
  readonly maxBatch: number;
  /** A commit costs much the same for one input as for ten: when few were waiting, the next ones gather so long. */
  readonly lingerMs: number;
}

interface Owned {
  readonly owner: PartitionOwner;
  /** Controls are compared once everything that was waiting at the start is applied: a control may be among it. */
  readonly backlogEnd: number;
  controlsCompared: boolean;
}

interface OwnedStep extends AppliedStep {
  readonly owned: Owned;
}

interface Turn {
  /** Told when all of it is applied and its commits have begun: whether the mirror has to hear of it (`AppliedStep`). */
  readonly mirrorIsDue: Promise<boolean>;
  /** Settles when its commits and those of all turns before it have ended. */
  readonly committed: Promise<CommitOutcome['kind']>;
}

export class Owners {
  readonly #options: OwnersOptions;
  readonly #owned = new Map<number, Owned>();
  readonly #openings: Openings;
  readonly #givingWay: GivingWay;
  readonly #stopping = new AbortController();
  readonly #inputs;
  readonly #turns;
  #finished: Promise<void> | null = null;
  #batch: number;
  #joined = false;
  #lastError: string | null = null;

  constructor(options: OwnersOptions) {
    this.#options = options;
    this.#openings = new Openings(options.context);
    this.#givingWay = new GivingWay(options.context.runtime);
    this.#batch = Math.min(256, options.maxBatch);
    const { metrics } = options.context;
    this.#inputs = metrics.counter('tradehall_execution_inputs_total', 'Inputs applied by execution.', [
      'partition',
    ]);
    this.#turns = metrics.histogram(
      'tradehall_execution_turn_ms',
      'Time to apply and commit one batch of inputs.',
      [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
    );
  }

  start(): void {
    this.#finished = this.#run().catch((error: unknown) => {
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#options.context.crash(error);
    });
  }

  /** Commits the batch in hand and leaves the group. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#finished;
  }

  trouble(): readonly string[] {
    const reasons: string[] = [];
    if (this.#lastError !== null) reasons.push(`execution waits: ${this.#lastError}`);
    else if (!this.#joined) reasons.push('execution has not joined its group yet');
    reasons.push(...this.#openings.trouble());
    for (const { owner, controlsCompared } of this.#owned.values()) {
      if (!controlsCompared) reasons.push(`partition ${owner.partition} is still being caught up`);
    }
    return reasons;
  }

  async status(): Promise<Readonly<Record<string, unknown>>> {
    const ends = await this.#ends().catch((error: unknown) => {
      if (error instanceof OperatingError) return null;
      throw error;
    });
    return {
      joined: this.#joined,
      lastError: this.#lastError,
      batch: this.#batch,
      partitions: [...this.#owned.values()].map(({ owner }) => ({
        partition: owner.partition,
        nextInputOffset: owner.nextInputOffset,
        inputsApplied: owner.inputsApplied,
        lag: ends === null ? null : Math.max(0, (ends.get(owner.partition) ?? 0) - owner.nextInputOffset),
        killSwitchEngaged: owner.allHalted,
        ...countsOf(owner.halted.values()),
        stateHash: owner.stateHash,
      })),
    };
  }

  async #ends(): Promise<Map<number, number>> {
    const extents = await this.#options.log.extents(TOPIC.tradeOrders);
    return new Map(extents.map(({ partition, nextOffset }) => [partition, nextOffset]));
  }

  async #run(): Promise<void> {
    const { runtime, logger } = this.#options.context;
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      let consumer: Consumer | null = null;
      try {
        consumer = await this.#options.log.openConsumer({
          group: EXECUTION_GROUP,
          topics: [TOPIC.tradeOrders],
          start: 'sought',
        });
        const ending = await this.#own(consumer, () => {
          failures = 0;
          this.#lastError = null;
        });
        if (ending === 'fenced') {
          logger.info({}, 'another owner has taken over, joining the group again');
          failures += 1;
        }
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code === 'LOG_UNKNOWN_TOPIC') throw error;
        if (this.#stopping.signal.aborted) return;
        if (error.code === 'LOG_CLOSED') throw error;
        failures += 1;
        this.#lastError = error.message;
        logger.warn(
          { code: error.code, error: error.message },
          'the log failed, execution restores and goes on',
        );
      } finally {
        this.#joined = false;
        await this.#dropAll(consumer);
      }
      if (failures > 0) {
        await runtime.timers.sleep(
          backoffMs(failures, { randomness: runtime.randomness }),
          this.#stopping.signal,
        );
      }
    }
  }

  /**
   * The next turn is read and applied while the commits of the one before are under way, unless it was of few inputs: then
   * the next ones gather meanwhile. A commit that ends badly ends the poll that waits, and so does a partition that cannot
   * be opened.
   */
  async #own(consumer: Consumer, onProgress: () => void): Promise<'ended' | 'fenced'> {
    const broken = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, broken.signal]);
    const unopened: unknown[] = [];
    const progressed = () => {
      if (!broken.signal.aborted && this.#openings.partitions.length === 0) onProgress();
    };
    let committing: Promise<CommitOutcome['kind']> = Promise.resolve('committed');
    try {
      for (;;) {
        const maxRecords = this.#batch;
        const polled = await consumer.poll({ maxRecords, signal });
        if (unopened.length > 0) throw unopened[0];
        if (polled.kind === 'records') {
          const turn = this.#turn(polled.records, committing);
          committing = turn.committed;
          const onEnd = (kind: CommitOutcome['kind']) => (kind === 'fenced' ? broken.abort() : progressed());
          committing.then(onEnd, () => broken.abort());
          // The mirror is told what the owner has, which must not be ahead of the log by then.
          const mirrorIsDue = await turn.mirrorIsDue;
          const few = polled.records.length < Math.min(WORTH_A_TURN, maxRecords);
          // What the mirror is told is what is committed, so nothing is applied ahead of that.
          if (!few && !mirrorIsDue) continue;
          if ((await committing) === 'fenced') return 'fenced';
          const { context, lingerMs } = this.#options;
          if (few && lingerMs > 0) await context.runtime.timers.sleep(lingerMs, this.#stopping.signal);
          continue;
        }
        // What was done for partitions that go counts until the next poll.
        if ((await committing) === 'fenced') return 'fenced';
        if (polled.kind === 'ended') return 'ended';
        if (polled.kind === 'revoked') await this.#drop(polled.partitions.map(({ partition }) => partition));
        else {
          for (const { partition } of polled.partitions) {
            const opening = this.#openings.open(partition, (given) => this.#open(consumer, partition, given));
            opening.then(progressed, (error: unknown) => {
              unopened.push(error);
              broken.abort();
            });
          }
          this.#joined = true;
          progressed();
        }
      }
    } finally {
      // What ends from now on is no progress.
      broken.abort();
      await Promise.allSettled([committing]);
    }
  }

  async #open(consumer: Consumer, partition: number, signal: AbortSignal): Promise<void> {
    const { log, context } = this.#options;
    const owner = await PartitionOwner.open(log, partition, context, this.#givingWay, signal);
    try {
      const backlogEnd = (await this.#ends()).get(partition) ?? 0;
      const owned: Owned = { owner, backlogEnd, controlsCompared: false };
      await this.#compareControls(owned);
      signal.throwIfAborted();
      consumer.seek({ topic: TOPIC.tradeOrders, partition, offset: owner.nextInputOffset });
      this.#owned.set(partition, owned);
      this.#mirror(owner);
    } catch (error) {
      await closeQuietly(owner);
      throw error;
    }
  }

  #turn(records: readonly LogRecord[], former: Promise<CommitOutcome['kind']>): Turn {
    const startedMs = this.#options.context.runtime.clock.monotonicMs();
    this.#givingWay.begin();
    const byPartition = Map.groupBy(records, ({ partition }) => partition);
    const steps = [...byPartition].map(([partition, own]) => this.#step(partition, own));
    const ended = steps.map((step) => this.#ended(step, former));
    return {
      mirrorIsDue: this.#begun(steps, records.length),
      committed: this.#allEnded([former, ...ended], startedMs),
    };
  }

  async #step(partition: number, records: readonly LogRecord[]): Promise<OwnedStep | null> {
    const owned = this.#owned.get(partition);
    return owned === undefined ? null : { owned, ...(await owned.owner.step(records)) };
  }

  async #begun(steps: readonly Promise<OwnedStep | null>[], records: number): Promise<boolean> {
    const begun = await Promise.all(steps);
    // Without the wait for the log: behind a slow disk smaller batches would only mean more syncs.
    this.#adapt(
      begun.reduce((sum, step) => sum + (step?.workedMs ?? 0), 0),
      records,
    );
    return begun.some((step) => step?.mirrorIsDue);
  }

  async #ended(
    stepping: Promise<OwnedStep | null>,
    former: Promise<unknown>,
  ): Promise<CommitOutcome['kind']> {
    const step = await stepping;
    if (step === null) return 'fenced';
    const { owned, mirrorIsDue, committed } = step;
    const { kind, inputsApplied } = await committed;
    if (kind === 'fenced') return 'fenced';
    if (mirrorIsDue) this.#mirror(owned.owner);
    this.#inputs.increment({ partition: String(owned.owner.partition) }, inputsApplied);
    // Two that compare at once would both append what differs.
    await former;
    await this.#compareControls(owned);
    return 'committed';
  }

  async #allEnded(
    ended: readonly Promise<CommitOutcome['kind']>[],
    startedMs: number,
  ): Promise<CommitOutcome['kind']> {
    // All of them end before any is dropped: one that goes on would commit with a producer that is closed.
    await Promise.allSettled(ended);
    const outcomes = await Promise.all(ended);
    this.#turns.observe(this.#options.context.runtime.clock.monotonicMs() - startedMs);
    return outcomes.includes('fenced') ? 'fenced' : 'committed';
  }

  #adapt(workedMs: number, records: number): void {
    if (workedMs > TARGET_TURN_MS * 2) this.#batch = Math.max(MIN_BATCH, Math.floor(this.#batch / 2));
    else if (workedMs < TARGET_TURN_MS && records >= this.#batch) this.#batch *= 2;
    this.#batch = Math.min(this.#batch, this.#options.maxBatch);
  }

  #mirror({ partition, nextInputOffset, allHalted, halted }: PartitionOwner): void {
    this.#options.mirror.note({ partition, nextInputOffset, all: allHalted }, halted);
  }

  async #compareControls(owned: Owned): Promise<void> {
    const { owner, backlogEnd } = owned;
    if (owned.controlsCompared || owner.nextInputOffset < backlogEnd) return;
    const { log, context, wanted } = this.#options;
    const { partition, controls, inputsApplied, timeMs } = owner;
    // At the partition's own time nothing is due that is not done: only fees and limits change by it.
    const changes = controlsFor({ partition, controls, inputsApplied }, wanted, {
      timeMs,
      ingestTimeMs: context.runtime.clock.nowMs(),
    });
    if (changes.length > 0) {
      const records = changes.map((control) => ({
        topic: TOPIC.tradeOrders,
        partition,
        key: null,
        value: encodeTradingInput(control, SOURCE),
      }));
      await log.append(records);
      context.logger.info({ partition, controls: changes.map(({ change }) => change.kind) }, 'controls set');
    }
    owned.controlsCompared = true;
  }

  async #drop(partitions: readonly number[]): Promise<void> {
    await this.#openings.giveUp(partitions);
    for (const partition of partitions) {
      const owned = this.#owned.get(partition);
      this.#owned.delete(partition);
      this.#options.mirror.forget(partition);
      await closeQuietly(owned?.owner);
    }
  }

  async #dropAll(consumer: Consumer | null): Promise<void> {
    await this.#drop([...this.#owned.keys(), ...this.#openings.partitions]);
    await closeQuietly(consumer);
  }
}
