/** The table: made when it is missing, refused with a sentence when it is not as this version needs it. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ClickHouse } from './clickhouse-client.ts';

export const TABLE = 'trading_trades';

/** Nineteen digits, nine of them after the point: every amount there is. */
const AMOUNT = 'Decimal(19, 9)';
const COLUMNS: Readonly<Record<string, string>> = {
  eventId: 'String',
  userId: 'String',
  symbol: 'LowCardinality(String)',
  side: "Enum8('BUY' = 1, 'SELL' = 2)",
  quantity: AMOUNT,
  executionPrice: AMOUNT,
  executionTimestamp: "DateTime64(3, 'UTC')",
};
const PRIMARY_KEY = 'symbol, userId, executionTimestamp';
/** Two rows with the same key are one trade: the event id is the last of it, the rest follows from the event. */
const SORTING_KEY = `${PRIMARY_KEY}, eventId`;
const PARTITION_KEY = 'toYYYYMMDD(executionTimestamp)';

const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE} (
  ${Object.entries(COLUMNS)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ')}
) ENGINE = ReplacingMergeTree
PARTITION BY ${PARTITION_KEY} PRIMARY KEY (${PRIMARY_KEY}) ORDER BY (${SORTING_KEY})
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000`;

/** Throws an `OperatingError` (`STORE_VERSION`) for a table of another shape. */
export async function requireTable(server: ClickHouse): Promise<void> {
  const of = `WHERE database = currentDatabase() AND`;
  const describe = () =>
    server.query(
      'analytics.describe',
      `SELECT engine, sorting_key, partition_key FROM system.tables ${of} name = {table:String}`,
      { table: TABLE },
    );
  let [table] = await describe();
  if (table === undefined) {
    await server.command('analytics.create', CREATE);
    [table] = await describe();
  }
  const columns = await server.query(
    'analytics.describe',
    `SELECT name, type FROM system.columns ${of} table = {table:String}`,
    { table: TABLE },
  );
  const types = new Map(columns.map(({ name, type }) => [String(name), String(type)]));
  const differences = [
    // Replicated and shared tables collapse repeats alike.
    ...(/ReplacingMergeTree$/.test(String(table?.['engine'])) ? [] : [`engine ${String(table?.['engine'])}`]),
    ...(table?.['sorting_key'] === SORTING_KEY ? [] : [`order ${String(table?.['sorting_key'])}`]),
    ...(table?.['partition_key'] === PARTITION_KEY ? [] : [`partitions ${String(table?.['partition_key'])}`]),
    ...Object.entries(COLUMNS)
      .filter(([name, type]) => types.get(name) !== type)
      .map(([name]) => `${name} ${types.get(name) ?? 'missing'}`),
  ];
  if (differences.length === 0) return;
  throw new OperatingError(
    'STORE_VERSION',
    `The table ${TABLE} is not as this version of Tradehall needs it (${differences.join('; ')}): rename or drop it and ` +
      'start again; it is made anew and filled from the log.',
    { retry: 'never' },
  );
}
