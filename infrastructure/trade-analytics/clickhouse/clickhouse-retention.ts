/** Drops days of market time that are older than is kept: whole partitions, which costs next to nothing. */
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { ClickHouse } from './clickhouse-client.ts';
import { TABLE } from './clickhouse-format.ts';

const LOOK_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Once now, and every hour until the answered function is called. */
export async function keepDays(
  server: ClickHouse,
  days: number,
  { runtime, logger }: { readonly runtime: Pick<Runtime, 'clock' | 'timers'>; readonly logger: Logger },
): Promise<() => void> {
  const expire = () => dropBefore(server, runtime.clock.nowMs() - days * DAY_MS, logger);
  await expire();
  return runtime.timers.every(LOOK_EVERY_MS, async () => {
    try {
      await expire();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn(
        { code: error.code, error: error.message },
        'old trades could not be dropped, trying again later',
      );
    }
  });
}

/** Days that ended before `timeMs`. */
async function dropBefore(server: ClickHouse, timeMs: number, logger: Logger): Promise<void> {
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
