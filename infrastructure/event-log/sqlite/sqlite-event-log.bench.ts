/**
 * The embedded log: records a second appended, sealed and synced in batches; appends of concurrent callers that share
 * a sync; records a second read back; and the check of all seals.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { EventLog, NewRecord, TopicSpec } from '../event-log.ts';
import { verifyLog } from '../verify-log.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { LOG_FILE } from './schema.ts';
import { openSqliteEventLog } from './sqlite-event-log.ts';

export interface EventLogBenchResult {
  readonly records: number;
  readonly valueBytes: number;
  /** Batches of 1,000 over four topics of four partitions. */
  readonly batchedPerSecond: number;
  readonly batchMsMax: number;
  /** 64 callers, each appending one record and waiting for it. */
  readonly concurrentSinglesPerSecond: number;
  readonly readPerSecond: number;
  readonly verifiedPerSecond: number;
  readonly fileBytesPerRecord: number;
}

const logger = createLogger({ level: 'silent', format: 'json', write: () => {} });

const TOPICS = ['one', 'two', 'three', 'four'].map(
  (name): TopicSpec => ({
    name,
    partitions: 4,
    cleanup: { kind: 'retain', retentionMs: 'forever' },
    sealed: true,
  }),
);
const BATCH = 1000;
const VALUE_BYTES = 300;
const CALLERS = 64;
const SINGLES_PER_CALLER = 200;

function batch(values: Uint8Array): readonly NewRecord[] {
  return Array.from({ length: BATCH }, (_, at) => ({
    topic: TOPICS[at % TOPICS.length]?.name ?? '',
    key: `account-${at % 50}`,
    value: values,
  }));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return (performance.now() - startedAtMs) / 1000;
}

async function readAll(log: EventLog): Promise<number> {
  let count = 0;
  for (const { name, partitions } of TOPICS) {
    for (let partition = 0; partition < partitions; partition += 1) {
      for (let offset = 0; ; ) {
        const last = (await log.read({ topic: name, partition, offset }, BATCH)).at(-1);
        if (last === undefined) break;
        count += last.offset + 1 - offset;
        offset = last.offset + 1;
      }
    }
  }
  return count;
}

export async function run(records = 300_000): Promise<EventLogBenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'tradehall-log-bench-'));
  try {
    const log = await openSqliteEventLog({ directory, runtime: createSystemRuntime(), logger });
    await log.ensureTopics(TOPICS);
    const value = new Uint8Array(VALUE_BYTES).fill(7);
    let batchMsMax = 0;
    const batched = await timed(async () => {
      for (let written = 0; written < records; written += BATCH) {
        const seconds = await timed(async () => {
          await log.append(batch(value));
        });
        batchMsMax = Math.max(batchMsMax, seconds * 1000);
      }
    });
    const single: readonly NewRecord[] = [{ topic: 'one', key: 'account', value }];
    const singles = await timed(async () => {
      const caller = async () => {
        for (let at = 0; at < SINGLES_PER_CALLER; at += 1) await log.append(single);
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));
    });
    let read = 0;
    const reading = await timed(async () => {
      read = await readAll(log);
    });
    await log.close();
    let verified = 0;
    const verifying = await timed(async () => {
      const archive = openLogArchiveFromDirectory(directory);
      const verdict = verifyLog(archive);
      archive.close();
      if (!verdict.sound)
        throw new Error(`the bench's own log is not sound: ${JSON.stringify(verdict.problems)}`);
      verified = verdict.records;
    });
    return {
      records,
      valueBytes: VALUE_BYTES,
      batchedPerSecond: Math.round(records / batched),
      batchMsMax: Math.round(batchMsMax * 10) / 10,
      concurrentSinglesPerSecond: Math.round((CALLERS * SINGLES_PER_CALLER) / singles),
      readPerSecond: Math.round(read / reading),
      verifiedPerSecond: Math.round(verified / verifying),
      fileBytesPerRecord: Math.round(statSync(join(directory, LOG_FILE)).size / read),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await run(), null, 2)}\n`);
