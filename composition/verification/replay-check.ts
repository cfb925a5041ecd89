/**
 * Replays every recorded input of a log at rest through the core (streams/trade-execution/replay.ts compares outputs
 * and hashes), then compares the last state with the one that an owner would restore.
 */
import type { AccountStateEntity, PartitionHeadEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { restorePartition, stateHash } from '#domain/trading/engine.ts';
import type { LogRecord } from '#infrastructure/event-log/event-log.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { OUTPUT_TOPICS } from '#streams/trade-execution/commit-records.ts';
import { type ReplayOutcome, replay } from '#streams/trade-execution/replay.ts';
import { type Finding, placeOf } from './finding.ts';

export interface ReplayVerdict {
  readonly findings: readonly Finding[];
  readonly inputs: number;
  readonly stateHashes: readonly string[];
}

export async function checkReplay(archive: LogArchive, tell: (line: string) => void): Promise<ReplayVerdict> {
  const findings: Finding[] = [];
  const stateHashes: string[] = [];
  let inputs = 0;
  for (const extent of archive.partitions().filter(({ topic }) => topic === TOPIC.tradeOrders)) {
    const { partition } = extent;
    if (extent.firstOffset > 0) {
      const message = `the inputs before offset ${extent.firstOffset} are gone, so the partition cannot be replayed`;
      findings.push({ check: 'replay', record: placeOf({ ...extent, offset: 0 }), message });
      continue;
    }
    const of = (topic: string) => inOrder(archive, topic, partition);
    const outcome = await replay({
      partition,
      inputs: of(TOPIC.tradeOrders),
      outputs: new Map(OUTPUT_TOPICS.map((topic) => [topic, of(topic)])),
      heads: of(TOPIC.executionHeads),
    });
    if (outcome.kind === 'different') {
      const { topic, offset, message } = outcome;
      findings.push({
        check: 'replay',
        record: placeOf({ topic, partition, offset: offset ?? 'end' }),
        message,
      });
      continue;
    }
    inputs += outcome.inputsApplied;
    stateHashes.push(outcome.stateHash);
    tell(`partition ${partition}: ${outcome.inputsApplied} inputs replayed`);
    const restored = compareWithRestored(archive, partition, outcome);
    if (restored !== null) findings.push(restored);
  }
  return { findings, inputs, stateHashes };
}

async function* inOrder(archive: LogArchive, topic: string, partition: number): AsyncGenerator<LogRecord> {
  yield* archive.records({ topic, partition });
}

type Replayed = Extract<ReplayOutcome, { readonly kind: 'same' }>;

/** What the next owner would begin with: the state, and the input that it would go on at. */
function compareWithRestored(archive: LogArchive, partition: number, replayed: Replayed): Finding | null {
  const entities = new Map<string, AccountStateEntity>();
  let head: { readonly entity: PartitionHeadEntity; readonly record: LogRecord } | null = null;
  let unreadable: { readonly record: Finding['record']; readonly reason: string } | null = null;
  for (const record of archive.records({ topic: TOPIC.accountStates, partition })) {
    if (record.key === null) continue;
    if (record.value === null) {
      entities.delete(record.key);
      continue;
    }
    const decoded = decodeAccountStateEntity(record.value);
    if (decoded.kind === 'unreadable') {
      // Another producer's, unless the hash lacks it.
      unreadable ??= { record: placeOf(record), reason: decoded.reason };
      continue;
    }
    if (decoded.value.kind === 'head') head = { entity: decoded.value, record };
    else entities.set(record.key, decoded.value);
  }
  const nothing = replayed.headsCompared === 0;
  if (nothing && entities.size === 0 && head === null) return null;
  const restored = restoredHash(partition, entities.values());
  if (nothing || restored !== replayed.stateHash) {
    const leads = nothing ? 'nothing' : replayed.stateHash;
    const without = unreadable === null ? '' : ` (and a record cannot be read: ${unreadable.reason})`;
    const message = `partition ${partition} would be restored with the hash ${restored}, but its inputs lead to ${leads}${without}`;
    return { check: 'replay', record: unreadable?.record ?? null, message };
  }
  if (head === null) {
    const message = `partition ${partition} of account_states has no head: its inputs would be executed again`;
    return { check: 'replay', record: null, message };
  }
  const { nextInputOffset, inputsApplied, stateHash: noted } = head.entity;
  if (
    head.entity.partition === partition &&
    nextInputOffset === replayed.nextInputOffset &&
    inputsApplied === replayed.inputsApplied &&
    noted === replayed.stateHash
  ) {
    return null;
  }
  const message = `the head says that execution goes on at input ${nextInputOffset}, and the last commit that it goes on at ${replayed.nextInputOffset}`;
  return { check: 'replay', record: placeOf(head.record), message };
}

/** A state that contradicts itself has no hash. */
function restoredHash(partition: number, entities: Iterable<AccountStateEntity>): string {
  try {
    return stateHash(restorePartition(partition, entities));
  } catch (error) {
    if (error instanceof Error && error.name === 'InvariantViolation') return `none (${error.message})`;
    throw error;
  }
}
