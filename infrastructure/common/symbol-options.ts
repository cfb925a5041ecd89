/** How many symbols there may be. market-ingestion refuses further ones, market-data keeps prices of no more. */
import { integerOption } from '#infrastructure/core/options.ts';

export const symbolOptions = {
  maxSymbols: integerOption({
    name: 'market_data_max_symbols',
    default: '20000',
    sentence: 'How many symbols there are prices of; rows of further ones are dead letters.',
    minimum: 1,
    maximum: 1_000_000,
  }),
} as const;
