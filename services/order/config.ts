/** The options of the order service. Fees and limits are those of trade-execution: here they only estimate. */
import { tradingOptions } from '#infrastructure/common/trading-options.ts';
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const orderOptions = {
  ...tradingOptions,
  recentOrders: integerOption({
    name: 'recent_orders',
    default: '50000',
    unit: 'orders',
    sentence:
      'How many accepted orders are remembered in memory, for idempotency and for reads before the index has them.',
    minimum: 100,
    maximum: 10_000_000,
  }),
  maxOrdersInFlight: integerOption({
    name: 'max_orders_in_flight',
    default: '10000',
    unit: 'orders',
    sentence: 'How many orders may wait for the log at the same time; more are refused.',
    minimum: 1,
    maximum: 1_000_000,
  }),
  maxIndexLag: integerOption({
    name: 'order_index_max_lag',
    default: '20000',
    unit: 'records',
    sentence:
      'When the order index is further behind a partition than this, orders with an idempotency key are refused.',
    minimum: 1,
    maximum: 1_000_000,
  }),
  indexBatchSize: integerOption({
    name: 'order_index_batch_size',
    default: '1000',
    unit: 'records',
    sentence: 'How many records the order index takes at once, at most.',
    minimum: 1,
    maximum: 100_000,
  }),
  indexLingerMs: integerOption({
    name: 'order_index_linger_ms',
    default: '100',
    unit: 'ms',
    sentence: 'How long records gather before the order index is written, once it has caught up.',
    minimum: 0,
    maximum: 1_000,
  }),
  accountWaitMs: integerOption({
    name: 'account_command_wait_ms',
    default: '5000',
    unit: 'ms',
    sentence:
      'How long opening an account, a transfer, a kill switch or a breaker waits for what comes of it.',
    minimum: 1,
    maximum: 60_000,
  }),
} as const;

export type OrderConfig = ConfigurationOf<typeof orderOptions>;
