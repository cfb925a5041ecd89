/** Where each embedded store lives in the data folder. Backups and the offline commands use the same paths. */
export const DATA_PATHS = {
  log: 'log',
  portfolios: 'portfolios.sqlite',
  history: 'history.sqlite',
  analytics: 'analytics.duckdb',
  relational: 'tradehall.sqlite',
} as const;
