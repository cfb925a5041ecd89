/**
 * The topics of Tradehall as the log creates them: partition counts, retention, what is sealed.
 *
 * Topics of one account's life share a partition count, so that an account has the same partition in each.
 * Partition counts are fixed when the log is created.
 */
import { deadLetterTopic, TOPIC } from '#domain/data/topics.ts';
import type { Cleanup, TopicSpec } from './event-log.ts';

export interface TopicChoices {
  /** Of everything keyed by account. */
  readonly partitions: number;
  /** Market data is large and can be had again; prices that decided anything are also in `trade_orders`. */
  readonly marketDataRetentionMs: number | 'forever';
  /** Of inputs, executions, updates and ledger entries. */
  readonly tradingRetentionMs: number | 'forever';
  /** How long a removed entity stays visible to a reader that is behind. */
  readonly tombstoneMs: number;
}

/** Kept by the log itself. */
export const SEALS_TOPIC: TopicSpec = {
  name: TOPIC.logSeals,
  partitions: 1,
  cleanup: { kind: 'retain', retentionMs: 'forever' },
  sealed: false,
};

/** Topics whose records somebody decodes, and may therefore fail to. */
const READ_TOPICS = [
  TOPIC.marketData,
  TOPIC.feedPositions,
  TOPIC.tradeOrders,
  TOPIC.tradeExecuted,
  TOPIC.orderUpdates,
  TOPIC.ledgerEntries,
  TOPIC.accountStates,
  TOPIC.executionHeads,
  TOPIC.venueCommands,
] as const;

export function tradehallTopics(choices: TopicChoices): readonly TopicSpec[] {
  const { partitions } = choices;
  const trading: Cleanup = { kind: 'retain', retentionMs: choices.tradingRetentionMs };
  const forever: Cleanup = { kind: 'retain', retentionMs: 'forever' };
  const compact: Cleanup = { kind: 'compact', tombstoneMs: choices.tombstoneMs };
  return [
    {
      name: TOPIC.marketData,
      partitions: 1,
      cleanup: { kind: 'retain', retentionMs: choices.marketDataRetentionMs },
      sealed: true,
    },
    { name: TOPIC.feedPositions, partitions: 1, cleanup: compact, sealed: false },
    { name: TOPIC.tradeOrders, partitions, cleanup: trading, sealed: true },
    { name: TOPIC.tradeExecuted, partitions, cleanup: trading, sealed: true },
    { name: TOPIC.orderUpdates, partitions, cleanup: trading, sealed: true },
    { name: TOPIC.ledgerEntries, partitions, cleanup: trading, sealed: true },
    { name: TOPIC.accountStates, partitions, cleanup: compact, sealed: false },
    { name: TOPIC.executionHeads, partitions, cleanup: trading, sealed: true },
    { name: TOPIC.venueCommands, partitions, cleanup: trading, sealed: true },
    SEALS_TOPIC,
    ...READ_TOPICS.map(
      (topic): TopicSpec => ({ name: deadLetterTopic(topic), partitions: 1, cleanup: forever, sealed: true }),
    ),
  ];
}
