/** The client of the portfolio table, behind the time limits, repeats and breaker that every server gets. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { createServerCalls, type ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { classifyDynamoDbError } from './dynamodb-errors.ts';

export interface DynamoDbOptions {
  /** The host is the region, the path the table, `endpoint` an address other than the region's. */
  readonly address: ServerAddress;
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'randomness'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Where its parts are noted (store-losses.ts). */
  readonly noteFile?: string;
  /** For one attempt. Default 2,000. */
  readonly timeoutMs?: number;
}

/** What the adapter uses of the SDK's client. */
export type DynamoDbConnection = Pick<DynamoDBClient, 'send' | 'destroy'>;

export interface PortfolioTable {
  readonly client: DynamoDbConnection;
  readonly calls: ServerCalls;
  readonly name: string;
}

const DEFAULT_TABLE = 'trading_portfolios';
const REGION = /^[a-z]{2}(-[a-z]+)+-[0-9]+$/;
const TIMEOUT_MS = 2_000;
/** So many connections at once; more calls wait for one. */
export const CONNECTIONS_MAX = 32;

export function connectPortfolioTable(
  options: DynamoDbOptions,
  connect: (region: string, endpoint: string | null) => DynamoDbConnection = connectDynamoDb,
): PortfolioTable {
  const { hosts, path, parameters } = options.address;
  const region = hosts[0].host;
  const table = path === '' ? DEFAULT_TABLE : path;
  const endpoint = parameters['endpoint'] ?? null;
  if (!REGION.test(region)) {
    throw new OperatingError(
      'CONFIG_INVALID',
      `The portfolio table's address begins with the AWS region, such as dynamodb://eu-central-1: "${region}" is none.`,
      { retry: 'never' },
    );
  }
  return {
    name: table,
    client: connect(region, endpoint),
    calls: createServerCalls({
      server: 'dynamodb',
      name: `The portfolio table ${table} (DynamoDB, ${endpoint ?? region})`,
      unavailable: 'STORE_UNAVAILABLE',
      classify: classifyDynamoDbError,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      // Throttling is answered at once and passes within a second or two; each wait is longer than the one before.
      attempts: 5,
      runtime: options.runtime,
      metrics: options.metrics,
      logger: options.logger,
    }),
  };
}

/** Credentials by the SDK's ordinary chain. Its own repeats are off: ours see the breaker and are counted. */
function connectDynamoDb(region: string, endpoint: string | null): DynamoDbConnection {
  return new DynamoDBClient({
    region,
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1_000,
      httpAgent: { keepAlive: true, maxSockets: CONNECTIONS_MAX },
      httpsAgent: { keepAlive: true, maxSockets: CONNECTIONS_MAX },
    },
    ...(endpoint === null ? {} : { endpoint }),
  });
}
