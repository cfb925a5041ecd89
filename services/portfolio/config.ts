/** The options of the portfolio service. */
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const portfolioOptions = {
  batchSize: integerOption({
    name: 'portfolio_batch_size',
    default: '1000',
    unit: 'records',
    sentence: 'How many changes the portfolio and statement consumers take at once, at most.',
    minimum: 1,
    maximum: 100_000,
  }),
  lingerMs: integerOption({
    name: 'portfolio_linger_ms',
    default: '20',
    unit: 'ms',
    sentence: 'How long changes gather before portfolios are written, once they have caught up.',
    minimum: 0,
    maximum: 10_000,
  }),
  statementLingerMs: integerOption({
    name: 'statement_linger_ms',
    default: '50',
    unit: 'ms',
    sentence: 'How long entries gather before statements are written, once they have caught up.',
    minimum: 0,
    maximum: 10_000,
  }),
  cachedPortfolios: integerOption({
    name: 'portfolio_cache',
    default: '20000',
    unit: 'portfolios',
    sentence: 'How many portfolios the portfolio service keeps in memory to fold changes into.',
    minimum: 0,
    maximum: 10_000_000,
  }),
  versionWaitMs: integerOption({
    name: 'portfolio_version_wait_ms',
    default: '2000',
    unit: 'ms',
    sentence: 'How long a read with minVersion waits for that version.',
    minimum: 0,
    maximum: 10_000,
  }),
  maxVersionWaiters: integerOption({
    name: 'portfolio_version_waiters',
    default: '10000',
    unit: 'requests',
    sentence: 'How many reads may wait for a version at the same time; more are refused.',
    minimum: 1,
    maximum: 1_000_000,
  }),
} as const;

export type PortfolioConfig = ConfigurationOf<typeof portfolioOptions>;
