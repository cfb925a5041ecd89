/** The options of trade-persistence. */
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const tradePersistenceOptions = {
  batchSize: integerOption({
    name: 'persistence_batch_size',
    default: '1000',
    unit: 'records',
    sentence: 'How many trades go to history and analytics in one write, at most.',
    minimum: 1,
    maximum: 100_000,
  }),
  historyLingerMs: integerOption({
    name: 'history_linger_ms',
    default: '250',
    unit: 'ms',
    sentence: 'How long trades gather before they are written to history, once it has caught up.',
    minimum: 0,
    maximum: 10_000,
  }),
  analyticsLingerMs: integerOption({
    name: 'analytics_linger_ms',
    default: '250',
    unit: 'ms',
    sentence: 'How long trades gather before they are written to analytics, once it has caught up.',
    minimum: 0,
    maximum: 10_000,
  }),
} as const;

export type TradePersistenceConfig = ConfigurationOf<typeof tradePersistenceOptions>;
