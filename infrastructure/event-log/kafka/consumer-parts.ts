/** What a consumer is made of, and what it keeps of each rebalance and each partition. */
import type { TopicPartition } from '../event-log.ts';
import type { KafkaFailure, NativePartition, Settings } from './kafka-library.ts';
import type { ReadingParts } from './start-positions.ts';

export interface KafkaConsumerParts extends ReadingParts {
  readonly settings: Settings;
  onClosed(): void;
  /** The broker does not know the group protocol that was tried. */
  onUnsupported(): void;
}

export interface Rebalance {
  readonly kind: 'assign' | 'revoke';
  readonly places: readonly TopicPartition[];
  readonly lost: boolean;
}

export interface ConsumerHooks {
  onData: () => void;
  onRebalance: (event: KafkaFailure, places: readonly NativePartition[]) => void;
}

export interface Fetch {
  offset: number;
  paused: boolean;
  /** Until its user seeks. */
  held: boolean;
  /** Whether the client fetches it already; a seek is then the client's. */
  begun: boolean;
}
