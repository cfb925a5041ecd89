/**
 * Restores a partition from its compacted `account_states`, and checks it against the head that the last commit
 * wrote. The topic is read in pages, and of each key only the last record is kept and decoded.
 */
import type { AccountStateEntity, PartitionHeadEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { decodeExecutionHead } from '#domain/data/execution-head-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { createPartition, type PartitionState, restorePartition, stateHash } from '#domain/trading/engine.ts';
import type { EventLog, LogRecord } from '#infrastructure/event-log/event-log.ts';
import { HEAD_KEY } from './commit-records.ts';

const PAGE_RECORDS = 10_000;

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

export async function restore(log: EventLog, partition: number): Promise<RestoredPartition> {
  const latest = await latestByKey(log, partition);
  const headRecord = latest.get(HEAD_KEY);
  latest.delete(HEAD_KEY);
  if (headRecord === undefined) {
    if (latest.size > 0) throw corrupt(partition, 'holds entities but no head');
    return { state: createPartition(partition), nextInputOffset: 0, inputsApplied: 0, lastCommandId: null };
  }
  const head = decodeEntity(headRecord);
  if (head.kind !== 'head' || head.partition !== partition)
    throw corrupt(partition, 'has another head than its own');
  const state = restoreChecked(partition, latest.values());
  const restoredHash = stateHash(state);
  if (restoredHash !== head.stateHash) {
    throw corrupt(partition, `was restored with hash ${restoredHash}, but its head says ${head.stateHash}`);
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
  const heads = (await log.extents(TOPIC.executionHeads)).find((each) => each.partition === partition);
  const offset = (heads?.nextOffset ?? 0) - 1;
  const [last] = offset < 0 ? [] : await log.read({ topic: TOPIC.executionHeads, partition, offset }, 1);
  const sealed = last?.value ? decodeExecutionHead(last.value) : null;
  if (
    sealed?.kind !== 'decoded' ||
    sealed.value.nextInputOffset !== nextInputOffset ||
    sealed.value.inputsApplied !== head.inputsApplied ||
    sealed.value.stateHash !== head.stateHash
  ) {
    throw corrupt(partition, `has another head than the last commit in ${TOPIC.executionHeads}`);
  }
}

function restoreChecked(partition: number, records: Iterable<LogRecord>): PartitionState {
  try {
    return restorePartition(partition, decodeAll(records));
  } catch (error) {
    if (error instanceof Error && error.name === 'InvariantViolation') {
      throw corrupt(partition, `contradicts itself (${error.message})`, error);
    }
    throw error;
  }
}

async function latestByKey(log: EventLog, partition: number): Promise<Map<string, LogRecord>> {
  const extents = await log.extents(TOPIC.accountStates);
  const extent = extents.find((each) => each.partition === partition);
  if (extent === undefined) throw corrupt(partition, 'is not a partition of the topic');
  const latest = new Map<string, LogRecord>();
  let offset = extent.firstOffset;
  while (offset < extent.nextOffset) {
    const page = await log.read({ topic: TOPIC.accountStates, partition, offset }, PAGE_RECORDS);
    const last = page.at(-1);
    if (last === undefined) break;
    for (const record of page) {
      if (record.key === null)
        throw corrupt(partition, `has a record without a key at offset ${record.offset}`);
      if (record.value === null) latest.delete(record.key);
      else latest.set(record.key, record);
    }
    offset = last.offset + 1;
  }
  return latest;
}

function* decodeAll(records: Iterable<LogRecord>): Generator<AccountStateEntity> {
  for (const record of records) yield decodeEntity(record);
}

function decodeEntity(record: LogRecord): AccountStateEntity {
  if (record.value === null) throw corrupt(record.partition, `has a tombstone at offset ${record.offset}`);
  const decoded = decodeAccountStateEntity(record.value);
  if (decoded.kind === 'unreadable') {
    throw corrupt(record.partition, `has an unreadable record at offset ${record.offset}: ${decoded.reason}`);
  }
  return decoded.value;
}

function corrupt(partition: number, what: string, cause?: unknown): CorruptState {
  return new CorruptState(
    `Partition ${partition} of ${TOPIC.accountStates} ${what}. Nothing is executed on such a state: ` +
      'run `tradehall verify` on the data folder, and restore a backup if it fails.',
    { cause },
  );
}
