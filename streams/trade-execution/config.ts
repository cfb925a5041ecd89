/** The options of trade-execution. Fees and limits become `Control` records: the core itself reads no option. */
import { tradingOptions } from '#infrastructure/common/trading-options.ts';
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const tradeExecutionOptions = {
  ...tradingOptions,
  priceBatchWindowMs: integerOption({
    name: 'price_batch_window_ms',
    default: '20',
    unit: 'ms',
    sentence: 'Prices reach execution at most once in this much feed time.',
    minimum: 1,
    maximum: 1_000,
  }),
  lingerMs: integerOption({
    name: 'execution_linger_ms',
    default: '15',
    unit: 'ms',
    sentence: 'How long inputs gather before they are executed, once execution has caught up.',
    minimum: 0,
    maximum: 1_000,
  }),
  executionBatchSize: integerOption({
    name: 'execution_batch_size',
    default: '2048',
    unit: 'records',
    sentence: 'How many inputs one commit of execution covers at most; fewer when applying them takes long.',
    minimum: 1,
    maximum: 10_000,
  }),
} as const;

export type TradeExecutionConfig = ConfigurationOf<typeof tradeExecutionOptions>;
