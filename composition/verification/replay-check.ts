/**
 * Replays every recorded input through the core and compares, byte by byte, what the core says with what was recorded,
 * the state's hash at every commit, and the last state with the one that an owner would restore.
 */
import type { AccountStateEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { decodeExecutionHead, type ExecutionHead } from '#domain/data/execution-head-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import {
  applyInput,
  assertInvariants,
  createPartition,
  restorePartition,
  stateHash,
  takeChangedEntities,
} from '#domain/trading/engine.ts';
import type { ArchivedRecord, LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { OUTPUT_TOPICS, outputRecord } from '#streams/trade-execution/commit-records.ts';
import { type Finding, placeOf } from './finding.ts';

export interface ReplayVerdict {
  readonly findings: readonly Finding[];
  readonly inputs: number;
  readonly stateHashes: readonly string[];
}

/** What does not fit ends the replay of its partition: everything after it would differ too. */
class Divergence extends Error {
  readonly record: string | null;
  constructor(record: string | null, message: string) {
    super(message);
    this.record = record;
  }
}

const TELL_EVERY = 100_000;
/** Invariants over a whole partition cost more than a step. */
const INVARIANTS_EVERY = 10_000;

function cursor(archive: LogArchive, topic: string, partition: number): Iterator<ArchivedRecord> {
  return archive.records({ topic, partition })[Symbol.iterator]();
}

function next(of: Iterator<ArchivedRecord>): ArchivedRecord | null {
  const step = of.next();
  return step.done === true ? null : step.value;
}

export async function checkReplay(archive: LogArchive, tell: (line: string) => void): Promise<ReplayVerdict> {
  const findings: Finding[] = [];
  const stateHashes: string[] = [];
  let inputs = 0;
  const count = (): void => {
    inputs += 1;
    if (inputs % TELL_EVERY === 0) tell(`${inputs} inputs replayed`);
  };
  for (const { partition } of archive.partitions().filter(({ topic }) => topic === TOPIC.tradeOrders)) {
    try {
      stateHashes.push(replayPartition(archive, partition, count));
    } catch (error) {
      if (!(error instanceof Divergence)) throw error;
      findings.push({ check: 'replay', record: error.record, message: error.message });
    }
  }
  return { findings, inputs, stateHashes };
}

function replayPartition(archive: LogArchive, partition: number, count: () => void): string {
  const state = createPartition(partition);
  const inputs = cursor(archive, TOPIC.tradeOrders, partition);
  const outputs = new Map(OUTPUT_TOPICS.map((topic) => [topic as string, cursor(archive, topic, partition)]));
  let expectedOffset = 0;
  let applied = 0;
  for (const headRecord of archive.records({ topic: TOPIC.executionHeads, partition })) {
    const head = headOf(headRecord);
    while (expectedOffset < head.nextInputOffset) {
      const record = next(inputs);
      if (record === null || record.offset !== expectedOffset) {
        throw new Divergence(
          `${TOPIC.tradeOrders}/${partition}@${expectedOffset}`,
          'the input is not there, so nothing after it can be replayed',
        );
      }
      expectedOffset += 1;
      const decoded = record.value === null ? null : decodeTradingInput(record.value);
      // What could not be read when it came is a dead letter, and was not applied then either.
      if (decoded?.kind !== 'decoded') continue;
      for (const output of applyInput(state, decoded.value))
        compare(outputRecord(output, partition), outputs, record);
      applied += 1;
      if (applied % INVARIANTS_EVERY === 0) assertInvariants(state);
      count();
    }
    takeChangedEntities(state);
    if (applied !== head.inputsApplied || stateHash(state) !== head.stateHash) {
      throw new Divergence(
        placeOf(headRecord),
        `after ${applied} inputs the replayed state has the hash ${stateHash(state)}; recorded is ${head.stateHash} after ${head.inputsApplied}`,
      );
    }
  }
  for (const of of outputs.values()) {
    const extra = next(of);
    if (extra !== null) throw new Divergence(placeOf(extra), 'no input leads to this record');
  }
  assertInvariants(state);
  compareWithRestored(archive, partition, applied === 0 ? null : stateHash(state));
  return stateHash(state);
}

function headOf(record: ArchivedRecord): ExecutionHead {
  const decoded = record.value === null ? null : decodeExecutionHead(record.value);
  if (decoded?.kind === 'decoded') return decoded.value;
  throw new Divergence(placeOf(record), 'the head of a commit cannot be read');
}

function compare(
  expected: ReturnType<typeof outputRecord>,
  outputs: ReadonlyMap<string, Iterator<ArchivedRecord>>,
  input: ArchivedRecord,
): void {
  const of = outputs.get(expected.topic);
  // Venue commands are shared by partitions; their order among them is the log's, not the core's.
  if (of === undefined) return;
  const recorded = next(of);
  if (recorded === null) {
    throw new Divergence(placeOf(input), `it leads to a record of ${expected.topic} that was never written`);
  }
  const same =
    recorded.key === expected.key &&
    recorded.value !== null &&
    expected.value !== null &&
    Buffer.compare(recorded.value, expected.value) === 0;
  if (!same)
    throw new Divergence(placeOf(recorded), `the replay of ${placeOf(input)} gives another record here`);
}

/** The state that the next owner would begin with. */
function compareWithRestored(archive: LogArchive, partition: number, replayedHash: string | null): void {
  const entities = new Map<string, AccountStateEntity>();
  for (const record of archive.records({ topic: TOPIC.accountStates, partition })) {
    if (record.key === null) continue;
    if (record.value === null) {
      entities.delete(record.key);
      continue;
    }
    const decoded = decodeAccountStateEntity(record.value);
    if (decoded.kind === 'unreadable') {
      throw new Divergence(placeOf(record), `the state cannot be read: ${decoded.reason}`);
    }
    if (decoded.value.kind === 'head') entities.delete(record.key);
    else entities.set(record.key, decoded.value);
  }
  if (replayedHash === null && entities.size === 0) return;
  const restored = stateHash(restorePartition(partition, entities.values()));
  if (restored !== replayedHash) {
    throw new Divergence(
      null,
      `partition ${partition} would be restored with the hash ${restored}, but its inputs lead to ${replayedHash ?? 'nothing'}`,
    );
  }
}
