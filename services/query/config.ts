/** The options of the query service. */
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const queryOptions = {
  maxBars: integerOption({
    name: 'query_max_bars',
    default: '1000',
    unit: 'bars',
    sentence: 'How many bars one answer holds, at most.',
    minimum: 1,
    maximum: 100_000,
  }),
} as const;

export type QueryConfig = ConfigurationOf<typeof queryOptions>;
