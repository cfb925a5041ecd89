/** The options of trade-persistence. */
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const tradePersistenceOptions = {
  batchSize: integerOption({
    name: 'persistence_batch_size',
    default: '2000',
    unit: 'records',
    sentence: 'How many trades go to history and analytics in one write, at most.',
    minimum: 1,
    maximum: 100_000,
  }),
} as const;

export type TradePersistenceConfig = ConfigurationOf<typeof tradePersistenceOptions>;
