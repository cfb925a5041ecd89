/** The table: made when it is missing, refused with a sentence when it is not as this version needs it. */
import type { StorePart } from '#infrastructure/common/store-losses.ts';
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

/** A day that was not written to for so long is merged into one part, of which `FINAL` takes as much as a plain read. */
const ONE_PART_AFTER_S = 3_600;

const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE} (
  ${Object.entries(COLUMNS)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ')}
) ENGINE = ReplacingMergeTree
PARTITION BY ${PARTITION_KEY} PRIMARY KEY (${PRIMARY_KEY}) ORDER BY (${SORTING_KEY})
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 0,
  min_age_to_force_merge_seconds = ${ONE_PART_AFTER_S}, min_age_to_force_merge_on_partition_only = 1`;

const DAY_MS = 86_400_000;

/** The days as parts that may be lost. A table that is gone is made; throws as `requireTable` does. */
export async function daysOf(
  server: ClickHouse,
  retentionDays: number | null,
): Promise<readonly StorePart[]> {
  const tableId = await requireTable(server);
  const rows = await server.query(
    'analytics.partitions',
    `SELECT DISTINCT partition_id AS day FROM system.parts
     WHERE database = currentDatabase() AND table = {table:String} AND active`,
    { table: TABLE },
  );
  return rows.map(({ day }) => {
    const text = String(day);
    const [year, month, date] = [text.slice(0, 4), text.slice(4, 6), text.slice(6)].map(Number);
    const endMs = Date.UTC(year ?? 0, (month ?? 0) - 1, (date ?? 0) + 1);
    const keptUntilMs = retentionDays === null ? null : endMs + retentionDays * DAY_MS;
    return { name: `day ${text} of table ${TABLE}`, id: tableId, keptUntilMs };
  });
}

/**
 * Whether a server with such a table may drop a write for a repeat of one that it does not hold: it notes a write before
 * that is there for good, and a kill in between leaves the note alone. Of replicated tables it does so unless told not to.
 */
export function mayDropWrites(engine: string): boolean {
  const window = /\b(non_)?replicated_deduplication_window = (\d+)/.exec(engine)?.[2];
  return window === undefined ? /^(Replicated|Shared)/.test(engine) : window !== '0';
}

/** Answers the id of the table. Throws an `OperatingError` (`STORE_VERSION`) for one of another shape. */
export async function requireTable(server: ClickHouse): Promise<string> {
  const of = `WHERE database = currentDatabase() AND`;
  const describe = () =>
    server.query(
      'analytics.describe',
      `SELECT toString(uuid) AS id, engine, engine_full, sorting_key, partition_key FROM system.tables ${of} name = {table:String}`,
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
    ...(mayDropWrites(String(table?.['engine_full'])) ? ['a deduplication window'] : []),
    ...(table?.['sorting_key'] === SORTING_KEY ? [] : [`order ${String(table?.['sorting_key'])}`]),
    ...(table?.['partition_key'] === PARTITION_KEY ? [] : [`partitions ${String(table?.['partition_key'])}`]),
    ...Object.entries(COLUMNS)
      .filter(([name, type]) => types.get(name) !== type)
      .map(([name]) => `${name} ${types.get(name) ?? 'missing'}`),
  ];
  if (differences.length === 0) return String(table?.['id']);
  throw new OperatingError(
    'STORE_VERSION',
    `The table ${TABLE} is not as this version of Tradehall needs it (${differences.join('; ')}): rename or drop it and ` +
      'start again; it is made anew and filled from the log.',
    { retry: 'never' },
  );
}
