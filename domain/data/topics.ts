/** The names of the topics, and their keys. */
export const TOPIC = {
  /** Key: symbol. One partition, so that the feed's order over all symbols is kept. */
  marketData: 'market_data',
  /** Key: `source/…` or `symbol/…`. Compacted: how far a feed has been read, and each symbol's last event. */
  feedPositions: 'feed_positions',
  /** Key: account. The one input of execution. */
  tradeOrders: 'trade_orders',
  /** Key: account. */
  tradeExecuted: 'trade_executed',
  /** Key: account. */
  orderUpdates: 'order_updates',
  /** Key: account. Every balanced entry of the books. */
  ledgerEntries: 'ledger_entries',
  /** Key: entity. Compacted. */
  accountStates: 'account_states',
  /** Partition: that of the accounts. One record per commit: the input reached and the state's hash. Sealed. */
  executionHeads: 'execution_heads',
  /** Key: symbol or broker. */
  venueCommands: 'venue_commands',
  /** Key: topic and partition. */
  logSeals: 'log_seals',
} as const;

export type TopicName = (typeof TOPIC)[keyof typeof TOPIC];

/** Where records of `topic` go that cannot be read. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dead_letter`;
}
