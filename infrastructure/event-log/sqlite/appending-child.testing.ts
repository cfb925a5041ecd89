/** The process that sqlite-failures.test.ts kills: appends without end and prints the next offset once durable. */
import { writeSync } from 'node:fs';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { RETAINED, record } from '../event-log.testing.ts';
import { openSqliteEventLog } from './sqlite-event-log.ts';

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('usage: appending-child.testing.ts DIRECTORY');
const log = await openSqliteEventLog({ directory, runtime: createSystemRuntime(), logger: SILENT });
await log.ensureTopics([RETAINED]);
for (;;) {
  const [place] = await log.append([record('orders', 0, 'a'), record('orders', 1, 'b')]);
  if (place !== undefined) writeSync(1, `${place.offset + 1}\n`);
}
