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

/** What stores on servers consist of, so that a start knows what is missing. */
export const STORE_PARTS_FILES = {
  portfolios: 'portfolios-parts.json',
  history: 'history-parts.json',
  analytics: 'analytics-parts.json',
} as const;
