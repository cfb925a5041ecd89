/** What the tests of the embedded log share: a folder, a clock that stands still, a log on both. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { LogUnderTest } from '../event-log.testing.ts';
import { openSqliteEventLog, type SqliteEventLog } from './sqlite-event-log.ts';
import type { SqliteEventLogOptions } from './sqlite-event-log-options.ts';

export interface SqliteLogUnderTest extends LogUnderTest {
  readonly log: SqliteEventLog;
  readonly directory: string;
  readonly runtime: Runtime;
  reopen(options?: Partial<SqliteEventLogOptions>): Promise<SqliteEventLog>;
}

export const TEST_RECORD_BYTES = 64 * 1024;

export async function openSqliteLogUnderTest(
  options: Partial<SqliteEventLogOptions> = {},
): Promise<SqliteLogUnderTest> {
  const directory = mkdtempSync(join(tmpdir(), 'tradehall-event-log-'));
  const system = createSystemRuntime();
  let nowMs = 1_700_000_000_000;
  const runtime: Runtime = { ...system, clock: { ...system.clock, nowMs: () => nowMs } };
  const openLog = (changed: Partial<SqliteEventLogOptions> = {}) =>
    openSqliteEventLog({
      directory,
      runtime,
      logger: SILENT,
      maxRecordBytes: TEST_RECORD_BYTES,
      ...options,
      ...changed,
    });
  let log = await openLog();
  return {
    log,
    directory,
    runtime,
    maxRecordBytes: TEST_RECORD_BYTES,
    async reopen(changed) {
      await log.close();
      log = await openLog(changed);
      return log;
    },
    pass(durationMs) {
      nowMs += durationMs;
    },
    nowMs: () => nowMs,
    async dispose() {
      await log.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
