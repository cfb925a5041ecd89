/**
 * Restores a partition from its compacted `account_states`, and checks it against the head that the last commit
 * wrote.
 */
import type { AccountStateEntity, PartitionHeadEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { decodeExecutionHead, type ExecutionHead } from '#domain/data/execution-head-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { createPartition, PartitionRestore, type PartitionState, stateHash } from '#domain/trading/engine.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { deadLetterRecord, type UnreadableReason } from '#infrastructure/event-log/dead-letters.ts';
import { readTradingInput } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog, LogRecord, NewRecord, Position } from '#infrastructure/event-log/event-log.ts';
import { readValue } from '#infrastructure/event-log/read-records.ts';
import { EXECUTION_GROUP } from './commit-records.ts';

const PAGE_RECORDS = 1_000;
const PAGE_HEADS = 16;
/** Of these in a row nobody is a producer of ours, or all of ours are damaged. */
const MOST_UNREADABLE_HEADS = 100;

/** What an owner begins with. */
export interface RestoredPartition {
  readonly state: PartitionState;
  readonly nextInputOffset: number;
  readonly inputsApplied: number;
  readonly lastCommandId: PartitionHeadEntity['lastCommandId'];
}

/** The state contradicts itself. It is a bug or a damaged log, and nothing may be executed on it. */
export class CorruptState extends Error {
  override readonly name = 'CorruptState';
}

/**
 * What it cannot read behind the last head goes to the dead letters. Throws the signal's reason, before its next page, when
 * that is aborted.
 */
export async function restore(
  log: EventLog,
  partition: number,
  signal?: AbortSignal,
): Promise<RestoredPartition> {
  const { head, entities, unreadable, finish } = await readStates(log, partition, signal);
  if (head === null) {
    if (entities > 0) throw corrupt(partition, 'holds entities but no head');
    const { last, unreadable } = await lastHeads(log, partition);
    if (last !== null || unreadable.length > 0) {
      throw corrupt(partition, `is empty, but ${TOPIC.executionHeads} tells of commits`);
    }
    await assertReadable(log, { partition, nextInputOffset: 0 }, null);
    return { state: createPartition(partition), nextInputOffset: 0, inputsApplied: 0, lastCommandId: null };
  }
  if (head.partition !== partition) throw corrupt(partition, 'has another head than its own');
  const lacking = unreadable === null ? '' : `; its record ${unreadable}`;
  const state = checked(partition, finish, lacking);
  const restoredHash = stateHash(state);
  if (restoredHash !== head.stateHash) {
    const what = `was restored with hash ${restoredHash}, but its head says ${head.stateHash}${lacking}`;
    throw corrupt(partition, what);
  }
  await checkAgainstLog(log, head);
  const { nextInputOffset, inputsApplied, lastCommandId } = head;
  return { state, nextInputOffset, inputsApplied, lastCommandId };
}

/**
 * `account_states` is compacted and unsealed, so a head in it proves nothing by itself. The commit that wrote it also
 * wrote a sealed record, and its inputs lie in the log: going on elsewhere would skip orders, or execute them again.
 */
async function checkAgainstLog(log: EventLog, head: PartitionHeadEntity): Promise<void> {
  const { partition, nextInputOffset } = head;
  const inputs = (await log.extents(TOPIC.tradeOrders)).find((each) => each.partition === partition);
  if (inputs === undefined || nextInputOffset > inputs.nextOffset || nextInputOffset < inputs.firstOffset) {
    throw corrupt(
      partition,
      `goes on at input ${nextInputOffset}, which ${TOPIC.tradeOrders} does not reach`,
    );
  }
  const { last, unreadable } = await lastHeads(log, partition);
  await assertReadable(log, head, last, unreadable[0]);
  if (
    last?.nextInputOffset !== nextInputOffset ||
    last.inputsApplied !== head.inputsApplied ||
    last.stateHash !== head.stateHash
  ) {
    throw corrupt(partition, `has another head than the last commit in ${TOPIC.executionHeads}`);
  }
  if (nextInputOffset > inputs.firstOffset && !(await isLastInput(log, head))) {
    throw corrupt(partition, `was executed from other inputs than those in ${TOPIC.tradeOrders}`);
  }
  if (unreadable.length > 0) await log.append(unreadable.map(letterOf));
}

/**
 * The group's position moves with every commit, and the former owner's last transaction has ended by now: what it is
 * beyond was committed, and is not there to be read. A state that is behind the last head has no such excuse. Where the last heads cannot be decoded it has to be there: a newer
 * version may have written them.
 */
async function assertReadable(
  log: EventLog,
  { partition, nextInputOffset }: Pick<PartitionHeadEntity, 'partition' | 'nextInputOffset'>,
  last: ExecutionHead | null,
  undecoded?: UnreadableHead,
): Promise<void> {
  const [position] = await log.committedPositions(EXECUTION_GROUP, [{ topic: TOPIC.tradeOrders, partition }]);
  if (undecoded !== undefined && position?.offset !== nextInputOffset) {
    const { record, failure } = undecoded;
    const where = `${TOPIC.executionHeads} from offset ${record.offset} on (${failure.reason})`;
    throw corrupt(partition, `goes on at input ${nextInputOffset}, but the log does not: see ${where}`);
  }
  if ((position?.offset ?? 0) <= Math.max(nextInputOffset, last?.nextInputOffset ?? 0)) return;
  throw new OperatingError(
    'LOG_UNAVAILABLE',
    `Partition ${partition} was executed up to input ${position?.offset}, but what was committed after input ` +
      `${nextInputOffset} cannot be read. If that lasts longer than a minute, a transaction hangs: docs/servers.md.`,
    { retry: 'retry' },
  );
}

function letterOf({ record, failure }: UnreadableHead): NewRecord {
  return deadLetterRecord(record, EXECUTION_GROUP, failure);
}

/** A topic that was removed and made again may since reach as far as the one that was executed. */
async function isLastInput(log: EventLog, head: PartitionHeadEntity): Promise<boolean> {
  const { partition, nextInputOffset, lastCommandId } = head;
  const offset = nextInputOffset - 1;
  const [input] = await log.read({ topic: TOPIC.tradeOrders, partition, offset }, 1);
  if (input === undefined) throw gaveNothing({ topic: TOPIC.tradeOrders, partition, offset });
  if (input.offset !== offset) return false;
  const decoded = readValue(input, readTradingInput);
  return decoded.kind === 'unreadable' || decoded.value.commandId === lastCommandId;
}

interface UnreadableHead {
  readonly record: LogRecord;
  readonly failure: UnreadableReason;
}

interface LastHeads {
  /** `null` where nothing was ever committed. */
  readonly last: ExecutionHead | null;
  /** What comes after it, in order. */
  readonly unreadable: readonly UnreadableHead[];
}

/** From the end backwards, page by page, to the last head that can be read. */
async function lastHeads(log: EventLog, partition: number): Promise<LastHeads> {
  const topic = TOPIC.executionHeads;
  const extent = (await log.extents(topic)).find((each) => each.partition === partition);
  const { firstOffset, nextOffset } = extent ?? { firstOffset: 0, nextOffset: 0 };
  const unreadable: UnreadableHead[] = [];
  for (let end = nextOffset; end > firstOffset; ) {
    const offset = Math.max(firstOffset, end - PAGE_HEADS);
    const page = await log.read({ topic, partition, offset }, PAGE_HEADS);
    if (page.length === 0 && end === nextOffset) throw gaveNothing({ topic, partition, offset });
    for (const record of page.toReversed()) {
      if (record.offset >= end) continue;
      const decoded = readValue(record, decodeExecutionHead);
      if (decoded.kind === 'decoded') return { last: decoded.value, unreadable: unreadable.toReversed() };
      unreadable.push({ record, failure: decoded });
      if (unreadable.length > MOST_UNREADABLE_HEADS)
        throw corrupt(partition, `has no head that can be read among the last ones in ${topic}`);
    }
    end = offset;
  }
  return { last: null, unreadable: unreadable.toReversed() };
}

/** Where records are, as the extents say, none is no answer: nothing may be begun without them. */
function gaveNothing({ topic, partition, offset }: Position): OperatingError {
  const message = `The log gave nothing of ${topic}/${partition} from offset ${offset} on, where it says that records are.`;
  return new OperatingError('LOG_UNAVAILABLE', message, { retry: 'retry' });
}

interface ReadStates {
  readonly head: PartitionHeadEntity | null;
  /** How many records there were beside it. */
  readonly entities: number;
  /** Where the first one is that cannot be read, and why. */
  readonly unreadable: string | null;
  finish(): PartitionState;
}

/**
 * What cannot be read is another producer's, or was damaged; the dead letters have it (portfolio). The hash of the head
 * tells whether a state of ours is missing for it.
 *
 * Page by page, and what was read of a page goes into the state at once: in memory it takes a multiple of the log's bytes.
 */
async function readStates(log: EventLog, partition: number, signal?: AbortSignal): Promise<ReadStates> {
  const extents = await log.extents(TOPIC.accountStates);
  const extent = extents.find((each) => each.partition === partition);
  if (extent === undefined) throw corrupt(partition, 'is not a partition of the topic');
  const restoring = new PartitionRestore(partition);
  let head: PartitionHeadEntity | null = null;
  let entities = 0;
  let unreadable: string | null = null;
  let offset = extent.firstOffset;
  while (offset < extent.nextOffset) {
    signal?.throwIfAborted();
    const page = await log.read({ topic: TOPIC.accountStates, partition, offset }, PAGE_RECORDS);
    const last = page.at(-1);
    if (last === undefined) throw gaveNothing({ topic: TOPIC.accountStates, partition, offset });
    for (const record of page) {
      const { value } = record;
      if (record.key !== null && value !== null && checked(partition, () => restoring.takeWritten(value))) {
        entities += 1;
        continue;
      }
      const change = readChange(record);
      if ('reason' in change) {
        unreadable ??= `at offset ${record.offset} is unreadable (${change.reason})`;
        continue;
      }
      const { key, entity } = change;
      if (entity?.kind === 'head') {
        head = entity;
        continue;
      }
      checked(partition, () => restoring.take(key, entity));
      entities += 1;
    }
    offset = last.offset + 1;
  }
  return { head, entities, unreadable, finish: () => restoring.finish() };
}

function checked<Value>(partition: number, work: () => Value, lacking = ''): Value {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && error.name === 'InvariantViolation') {
      throw corrupt(partition, `contradicts itself (${error.message})${lacking}`, error);
    }
    throw error;
  }
}

interface ReadChange {
  readonly key: string;
  /** `null`: a tombstone. */
  readonly entity: AccountStateEntity | null;
}

function readChange({ partition, offset, key, value }: LogRecord): ReadChange | { readonly reason: string } {
  if (key === null) throw corrupt(partition, `has a record without a key at offset ${offset}`);
  if (value === null) return { key, entity: null };
  const decoded = decodeAccountStateEntity(value);
  return decoded.kind === 'unreadable' ? { reason: decoded.reason } : { key, entity: decoded.value };
}

function corrupt(partition: number, what: string, cause?: unknown): CorruptState {
  return new CorruptState(
    `Partition ${partition} of ${TOPIC.accountStates} ${what}. Nothing is executed on such a state: ` +
      'run `tradehall verify` on the data folder, and restore a backup if it fails. What another version of Tradehall has ' +
      'written may not be readable to this one.',
    { cause },
  );
}
