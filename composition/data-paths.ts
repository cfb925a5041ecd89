/** Where each store lives in the data folder. Backups and the offline commands use the same paths. */
export const DATA_PATHS = {
  log: 'log',
  /** Of a log on Kafka: what is kept outside it. */
  kafka: 'kafka',
  portfolios: 'portfolios.sqlite',
  history: 'history.sqlite',
  analytics: 'analytics.duckdb',
  relational: 'tradehall.sqlite',
} as const;
