/**
 * What one commit of a partition writes: the outputs in order, the changed entities with the account heads after
 * their positions and orders, the partition's head, and the record in `execution_heads` that seals it. Pure; the
 * owner writes it, the replay compares with it.
 */
import type { EntityChange, PartitionHeadEntity } from '#domain/data/account-state.ts';
import { entityKey, HEAD_KEY } from '#domain/data/account-state-key.ts';
import { encodeAccountStateEntity } from '#domain/data/account-state-writer.ts';
import { encodeExecutionHead } from '#domain/data/execution-head-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { TradingOutput } from '#domain/data/trading-events.ts';
import { encodeTradingOutput, topicOfOutput } from '#domain/data/trading-output-codec.ts';
import type { NewRecord } from '#infrastructure/event-log/event-log.ts';

export const SOURCE = { sourceService: 'trade-execution' } as const;

export const EXECUTION_GROUP = 'trade-execution';

/** Topics that hold one partition's outputs, in the partition of its accounts. */
export const OUTPUT_TOPICS = [TOPIC.tradeExecuted, TOPIC.orderUpdates, TOPIC.ledgerEntries] as const;

export function outputRecord(output: TradingOutput, partition: number): NewRecord {
  const topic = topicOfOutput(output);
  const value = encodeTradingOutput(output, SOURCE);
  // Venue commands go to whoever works the symbol; everything else stays in the partition of its account.
  return topic === TOPIC.venueCommands
    ? { topic, key: output.type === 'VenueCommand' ? output.symbol : output.accountId, value }
    : { topic, partition, key: output.accountId, value };
}

export function entityRecord(change: EntityChange, partition: number): NewRecord {
  return {
    topic: TOPIC.accountStates,
    partition,
    key: entityKey(change),
    value: change.kind === 'removed_order' ? null : encodeAccountStateEntity(change),
  };
}

export function headRecords(head: PartitionHeadEntity): readonly NewRecord[] {
  const { partition, nextInputOffset, inputsApplied, stateHash } = head;
  return [
    { topic: TOPIC.accountStates, partition, key: HEAD_KEY, value: encodeAccountStateEntity(head) },
    {
      topic: TOPIC.executionHeads,
      partition,
      key: String(partition),
      value: encodeExecutionHead({ partition, nextInputOffset, inputsApplied, stateHash }),
    },
  ];
}
