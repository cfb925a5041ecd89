/** What the embedded log does when it cannot: full, too much at once, opened twice, written by a newer version, killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { RETAINED, record } from '../event-log.testing.ts';
import { verifyLog } from '../verify-log.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { operatingErrorOf } from './failures.ts';
import { FORMAT_VERSION, LOG_FILE } from './schema.ts';
import { openSqliteEventLog } from './sqlite-event-log.ts';
import { openSqliteLogUnderTest, TEST_RECORD_BYTES } from './sqlite-log.testing.ts';

function codeOf(settled: PromiseSettledResult<unknown>): string {
  if (settled.status === 'fulfilled') return 'written';
  return settled.reason instanceof OperatingError
    ? `${settled.reason.code} ${settled.reason.retry}`
    : String(settled.reason);
}

describe('the embedded log under pressure', () => {
  test('a full log says so, writes nothing of what it refused, and goes on when there is room', async () => {
    const told: string[] = [];
    const logger = { ...SILENT, error: (_: object, message: string) => told.push(message) };
    const under = await openSqliteLogUnderTest({ maxLogBytes: 2_000_000, logger });
    try {
      let { log } = under;
      await log.ensureTopics([RETAINED]);
      const value = new Uint8Array(TEST_RECORD_BYTES).fill(1);
      let written = 0;
      let refusal = '';
      while (refusal === '') {
        const settled = await Promise.allSettled([
          log.append([{ topic: 'orders', partition: 0, key: null, value }]),
          log.append([{ topic: 'orders', partition: 1, key: null, value }]),
        ]);
        const codes = settled.map(codeOf);
        if (codes.every((code) => code === 'written')) written += 1;
        else refusal = codes.join(', ');
      }
      assert.equal(refusal, 'LOG_FULL retry, LOG_FULL retry');
      for (let at = 0; at < 3; at += 1) {
        const both = [0, 1].map((partition) => ({ topic: 'orders', partition, key: null, value }));
        await assert.rejects(log.append(both), { code: 'LOG_FULL' });
      }
      assert.deepEqual(told, ['the event log could not write'], 'told once, not with every write');
      assert.equal((await log.extents('orders'))[0]?.nextOffset, written);
      log = await under.reopen({ maxLogBytes: 20_000_000 });
      const [place] = await log.append([{ topic: 'orders', partition: 0, key: null, value }]);
      assert.equal(place?.offset, written);
      await log.close();
      const archive = openLogArchiveFromDirectory(under.directory);
      assert.deepEqual(verifyLog(archive).problems, []);
      archive.close();
    } finally {
      await under.dispose();
    }
  });

  test('a write that fails after its first seal leaves no gap in the seals', async () => {
    const under = await openSqliteLogUnderTest({ maxLogBytes: 2_000_000 });
    try {
      const { log } = under;
      await log.ensureTopics([RETAINED]);
      const value = new Uint8Array(TEST_RECORD_BYTES).fill(1);
      const large = { topic: 'orders', partition: 1, key: null, value };
      const fill = async (): Promise<never> => {
        for (;;) await log.append([large]);
      };
      await assert.rejects(fill(), { code: 'LOG_FULL' });
      await assert.rejects(log.append([record('orders', 0, 'sealed first'), large]), { code: 'LOG_FULL' });
      await log.append([record('orders', 0, 'there is room for this one')]);
      const seals = await log.read({ topic: 'log_seals', partition: 0, offset: 0 }, 1_000);
      assert.deepEqual(
        seals.map(({ offset }) => offset),
        seals.map((_seal, at) => at),
      );
    } finally {
      await under.dispose();
    }
  });

  test('a full queue refuses what comes on top, and takes more once it is written', async () => {
    const under = await openSqliteLogUnderTest({ maxQueuedRecords: 10 });
    try {
      const { log } = under;
      await log.ensureTopics([RETAINED]);
      const settled = await Promise.allSettled(
        Array.from({ length: 12 }, () => log.append([record('orders', 0, 'x')])),
      );
      const codes = settled.map(codeOf);
      assert.deepEqual(codes.slice(10), ['LOG_UNAVAILABLE retry', 'LOG_UNAVAILABLE retry']);
      assert(codes.slice(0, 10).every((code) => code === 'written'));
      await log.append([record('orders', 0, 'x')]);
      const alone = Array.from({ length: 160 }, () => record('orders', 0, 'x'));
      assert.equal(
        (await log.append(alone)).length,
        160,
        'a write that finds the queue empty may be larger than it',
      );
      const tooMany = [...alone, record('orders', 0, 'x')];
      await assert.rejects(log.append(tooMany), { code: 'LOG_RECORD_TOO_LARGE', retry: 'never' });
    } finally {
      await under.dispose();
    }
  });

  test('a second opener is told that the log is in use', async () => {
    const under = await openSqliteLogUnderTest();
    try {
      await assert.rejects(
        openSqliteEventLog({ directory: under.directory, runtime: under.runtime, logger: SILENT }),
        { code: 'LOG_IN_USE' },
      );
    } finally {
      await under.dispose();
    }
  });

  test('a log of a newer format is refused with a sentence', async () => {
    const under = await openSqliteLogUnderTest();
    try {
      await under.log.close();
      const db = new DatabaseSync(join(under.directory, LOG_FILE));
      db.exec(`PRAGMA user_version = ${FORMAT_VERSION + 1}`);
      db.close();
      await assert.rejects(under.reopen(), { code: 'LOG_FORMAT_NEWER', message: /newer Tradehall/ });
    } finally {
      await under.dispose();
    }
  });

  test('a member that never lets go loses its partitions, hears of it, and can commit nothing of them', async () => {
    const under = await openSqliteLogUnderTest({ handOverMs: 1 });
    try {
      const { log } = under;
      await log.ensureTopics([{ ...RETAINED, partitions: 2 }]);
      const spec = { group: 'g', topics: ['orders'], start: 'earliest' } as const;
      const signal = new AbortController().signal;
      const stuck = await log.openConsumer(spec);
      await stuck.poll({ maxRecords: 1, signal });
      const eager = await log.openConsumer(spec);
      assert.deepEqual(await eager.poll({ maxRecords: 1, signal }), { kind: 'assigned', partitions: [] });
      const taken = await eager.poll({ maxRecords: 1, signal });
      assert.deepEqual(taken, {
        kind: 'assigned',
        partitions: [{ topic: 'orders', partition: 1, offset: 0 }],
      });
      await assert.rejects(stuck.commit([{ topic: 'orders', partition: 1, offset: 0 }]), {
        code: 'LOG_NOT_ASSIGNED',
      });
      const heard = await stuck.poll({ maxRecords: 1, signal });
      assert.deepEqual(heard, {
        kind: 'revoked',
        partitions: [{ topic: 'orders', partition: 1 }],
        lost: true,
      });
    } finally {
      await under.dispose();
    }
  });

  test('only a failed sync leaves the outcome open; other failures are certain to have written nothing', () => {
    const failure = (errcode: number) => Object.assign(new Error('sqlite'), { errcode });
    const kinds = [
      [13, true, 'LOG_FULL', 'retry'],
      [778, true, 'LOG_UNAVAILABLE', 'retry'],
      [1034, true, 'LOG_OUTCOME_UNKNOWN', 'unknown'],
      [1034, false, 'LOG_UNAVAILABLE', 'retry'],
      [8, true, 'LOG_UNAVAILABLE', 'retry'],
      [11, false, 'LOG_DAMAGED', 'never'],
    ] as const;
    for (const [errcode, atCommit, code, retry] of kinds) {
      const error = operatingErrorOf(failure(errcode), atCommit);
      assert.deepEqual([error?.code, error?.retry], [code, retry], String(errcode));
    }
    assert.equal(operatingErrorOf(new TypeError('a bug'), true), null);
  });
});

describe('the embedded log killed', () => {
  test('SIGKILL in the middle of appends: all that was acknowledged is there, and the seals hold', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tradehall-killed-'));
    try {
      let acknowledged = 0;
      for (let round = 0; round < 3; round += 1) {
        const child = spawn(
          process.execPath,
          [fileURLToPath(import.meta.resolve('./appending-child.testing.ts')), directory],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        );
        const exited = new Promise((resolve) => child.once('exit', resolve));
        let lines = 0;
        for await (const line of createInterface({ input: child.stdout })) {
          acknowledged = Math.max(acknowledged, Number(line));
          lines += 1;
          // Killed while the child goes on; lines already in the pipe are still read.
          if (lines === 40) child.kill('SIGKILL');
        }
        await exited;
        const archive = openLogArchiveFromDirectory(directory);
        assert.deepEqual(verifyLog(archive).problems, []);
        const written = [...archive.records({ topic: 'orders', partition: 0 })];
        assert(acknowledged >= 40 && written.length >= acknowledged, `${written.length} of ${acknowledged}`);
        // Each append wrote to two partitions: all or nothing.
        assert.equal([...archive.records({ topic: 'orders', partition: 1 })].length, written.length);
        archive.close();
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
