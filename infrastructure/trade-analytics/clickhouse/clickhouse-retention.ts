/** Drops days of market time: whole partitions, which costs next to nothing. */
import type { Logger } from '#infrastructure/core/log.ts';
import type { ClickHouse } from './clickhouse-client.ts';
import { TABLE } from './clickhouse-format.ts';

/** Days that ended before `timeMs`. */
export async function dropDaysBefore(server: ClickHouse, timeMs: number, logger: Logger): Promise<void> {
  const rows = await server.query(
    'analytics.partitions',
    `SELECT DISTINCT partition_id AS id FROM system.parts
     WHERE database = currentDatabase() AND table = {table:String} AND active
       AND toInt32(partition_id) < toYYYYMMDD(fromUnixTimestamp64Milli({time:Int64}, 'UTC')) ORDER BY id`,
    { table: TABLE, time: String(timeMs) },
  );
  for (const { id } of rows) {
    await server.command(
      'analytics.drop_partition',
      `ALTER TABLE ${TABLE} DROP PARTITION ID '${String(id)}'`,
    );
  }
  if (rows.length > 0) logger.info({ days: rows.length }, 'trades older than the retention were dropped');
}
