/** The processes of a cluster: how many of each target. */
export interface Members {
  readonly target: string;
  readonly count: number;
}

/** As deploy/compose has them. */
export const FIFTEEN: readonly Members[] = [
  { target: 'market-ingestion', count: 1 },
  { target: 'market-data', count: 2 },
  { target: 'trade-execution', count: 3 },
  { target: 'portfolio', count: 1 },
  { target: 'trade-persistence', count: 2 },
  { target: 'query', count: 2 },
  { target: 'order', count: 2 },
  { target: 'api-gateway', count: 2 },
];

export const TWELVE: readonly Members[] = [
  { target: 'market-ingestion', count: 1 },
  { target: 'market-data', count: 2 },
  { target: 'trade-execution', count: 2 },
  { target: 'portfolio', count: 1 },
  { target: 'trade-persistence', count: 1 },
  { target: 'query', count: 1 },
  { target: 'order', count: 2 },
  { target: 'api-gateway', count: 2 },
];

/** What gateways pass requests on to, by the variable that names its addresses. */
export const REACHED: Readonly<Record<string, string>> = {
  order: 'TRADEHALL_ORDER_URL',
  portfolio: 'TRADEHALL_PORTFOLIO_URL',
  query: 'TRADEHALL_QUERY_URL',
  'market-data': 'TRADEHALL_MARKET_DATA_URL',
};

/** The servers it runs on, by the option that takes the URL. */
export const SERVERS = {
  event_log: 'kafka',
  cache: 'redis',
  portfolios: 'dynamodb',
  history: 'opensearch',
  analytics: 'clickhouse',
  database: 'postgres',
} as const;
