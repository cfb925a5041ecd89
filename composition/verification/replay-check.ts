/**
 * Replays every recorded input of a log at rest through the core (streams/trade-execution/replay.ts compares outputs
 * and hashes), then compares the last state with the one that an owner would restore.
 */
import type { AccountStateEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { restorePartition, stateHash } from '#domain/trading/engine.ts';
import type { LogRecord } from '#infrastructure/event-log/event-log.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { OUTPUT_TOPICS } from '#streams/trade-execution/commit-records.ts';
import { replay } from '#streams/trade-execution/replay.ts';
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
    const restored = compareWithRestored(
      archive,
      partition,
      outcome.headsCompared === 0 ? null : outcome.stateHash,
    );
    if (restored !== null) findings.push(restored);
  }
  return { findings, inputs, stateHashes };
}

async function* inOrder(archive: LogArchive, topic: string, partition: number): AsyncGenerator<LogRecord> {
  yield* archive.records({ topic, partition });
}

/** The state that the next owner would begin with. */
function compareWithRestored(
  archive: LogArchive,
  partition: number,
  replayedHash: string | null,
): Finding | null {
  const entities = new Map<string, AccountStateEntity>();
  for (const record of archive.records({ topic: TOPIC.accountStates, partition })) {
    if (record.key === null) continue;
    if (record.value === null) {
      entities.delete(record.key);
      continue;
    }
    const decoded = decodeAccountStateEntity(record.value);
    if (decoded.kind === 'unreadable') {
      return {
        check: 'replay',
        record: placeOf(record),
        message: `the state cannot be read: ${decoded.reason}`,
      };
    }
    if (decoded.value.kind !== 'head') entities.set(record.key, decoded.value);
  }
  if (replayedHash === null && entities.size === 0) return null;
  const restored = stateHash(restorePartition(partition, entities.values()));
  if (restored === replayedHash) return null;
  const message = `partition ${partition} would be restored with the hash ${restored}, but its inputs lead to ${replayedHash ?? 'nothing'}`;
  return { check: 'replay', record: null, message };
}
