/** A disk that is slow, and one that fails, under the embedded log. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { testContext } from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { EXPIRING, RETAINED, record } from '../event-log.testing.ts';
import { verifyLog } from '../verify-log.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { Durability } from './durability.ts';
import { openLogSync } from './log-sync.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

const TURNS = 20;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** The disk's own sync, once `mayGoOn` allows it. */
function syncThatWaits(mayGoOn: () => Promise<void>): typeof openLogSync {
  return (directory) => {
    const sync = openLogSync(directory);
    return {
      ...sync,
      async writeAheadLog() {
        await mayGoOn();
        await sync.writeAheadLog();
      },
    };
  };
}

test('nobody sees a record, and its writer hears nothing, before the disk has it', async () => {
  let disk = Promise.withResolvers<void>();
  const under = await openSqliteLogUnderTest({ openSync: syncThatWaits(() => disk.promise) });
  try {
    const { log } = under;
    await log.ensureTopics([RETAINED]);
    const reader = await log.openConsumer({ group: null, topics: ['orders'], start: 'earliest' });
    const signal = new AbortController().signal;
    await reader.poll({ maxRecords: 10, signal });
    let answered = false;
    let seen = false;
    const appended = log.append([record('orders', 0, 'one')]).then(() => {
      answered = true;
    });
    const polled = reader.poll({ maxRecords: 10, signal }).then((outcome) => {
      seen = true;
      return outcome;
    });
    for (let count = 0; count < TURNS; count += 1) await turn();
    assert.deepEqual([answered, seen], [false, false]);
    assert.deepEqual(await log.read({ topic: 'orders', partition: 0, offset: 0 }, 10), []);
    assert.equal((await log.extents('orders'))[0]?.nextOffset, 0);
    disk.resolve();
    await appended;
    assert.equal((await polled).kind, 'records');
  } finally {
    disk.resolve();
    disk = Promise.withResolvers();
    disk.resolve();
    await under.dispose();
  }
});

test('after a failed sync the outcome is unknown, nothing more is taken, and a restart has a sound log', async () => {
  let broken = false;
  const under = await openSqliteLogUnderTest({
    openSync: syncThatWaits(async () => {
      if (broken) throw new Error('EIO');
    }),
  });
  try {
    const { log } = under;
    await log.ensureTopics([RETAINED, EXPIRING]);
    await log.append([record('orders', 0, 'one'), record('prices', 0, 'old')]);
    broken = true;
    await assert.rejects(log.append([record('orders', 0, 'two')]), {
      code: 'LOG_OUTCOME_UNKNOWN',
      retry: 'unknown',
    });
    broken = false;
    await assert.rejects(log.append([record('orders', 0, 'three')]), {
      code: 'LOG_UNAVAILABLE',
      retry: 'retry',
    });
    await assert.rejects(log.expire(Number.MAX_SAFE_INTEGER), { code: 'LOG_UNAVAILABLE' });
    assert.equal((await log.read({ topic: 'orders', partition: 0, offset: 0 }, 10)).length, 1);
    const reopened = await under.reopen();
    const [place] = await reopened.append([record('orders', 0, 'four')]);
    const written = await reopened.read({ topic: 'orders', partition: 0, offset: 0 }, 10);
    assert.equal(written.length, (place?.offset ?? 0) + 1);
    await reopened.close();
    const archive = openLogArchiveFromDirectory(under.directory);
    assert.deepEqual(verifyLog(archive).problems, []);
    archive.close();
  } finally {
    await under.dispose();
  }
});

test('pages come back into the database while the log is written, and all of it survives a restart', async () => {
  let copied = 0;
  const under = await openSqliteLogUnderTest({
    openSync: (directory) => {
      const sync = openLogSync(directory);
      return {
        ...sync,
        database() {
          copied += 1;
          return sync.database();
        },
      };
    },
  });
  try {
    const { log } = under;
    await log.ensureTopics([RETAINED]);
    const value = randomBytes(60_000);
    for (let count = 0; count < 120; count += 1) {
      await log.append([{ topic: 'orders', partition: count % 3, key: null, value }]);
    }
    assert(copied > 0, 'no pages were copied');
    const reopened = await under.reopen();
    const extents = await reopened.extents('orders');
    assert.deepEqual(
      extents.map(({ nextOffset }) => nextOffset),
      [40, 40, 40],
    );
  } finally {
    await under.dispose();
  }
});

test('while pages are copied back, what is durable is answered already and the next transaction waits', async () => {
  const disk = Promise.withResolvers<void>();
  let copying = false;
  const under = await openSqliteLogUnderTest({
    openSync: (directory) => {
      const sync = openLogSync(directory);
      return {
        ...sync,
        async database() {
          copying = true;
          await disk.promise;
          await sync.database();
        },
      };
    },
  });
  try {
    const { log } = under;
    await log.ensureTopics([RETAINED]);
    const value = randomBytes(60_000);
    let answered = 0;
    const append = async () => {
      await log.append([{ topic: 'orders', partition: 0, key: null, value }]);
      answered += 1;
    };
    for (let count = 0; count < 1_000 && !copying; count += 1) {
      await append();
      for (let turns = 0; turns < 3; turns += 1) await turn();
    }
    assert(copying, 'no pages were copied');
    const before = answered;
    const next = append();
    for (let count = 0; count < TURNS; count += 1) await turn();
    assert.equal(answered, before);
    disk.resolve();
    await next;
    assert.equal(answered, before + 1);
  } finally {
    disk.resolve();
    await under.dispose();
  }
});

test('a disk that is full when pages are copied back takes no more of them; the log goes on once there is room', async () => {
  const { runtime } = testContext();
  const asked: string[] = [];
  let isFull = true;
  const db = {
    exec(sql: string) {
      asked.push(sql);
      if (isFull && sql.includes('wal_checkpoint')) {
        throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
      }
    },
  };
  let synced = 0;
  const sync = {
    writeAheadLog: async () => undefined,
    async database() {
      synced += 1;
    },
    close: () => undefined,
  };
  const durability = new Durability(db, sync, runtime.timers, SILENT);
  const commitMuch = async (): Promise<void> => {
    assert.equal(await durability.makeDurable(1, 100_000_000), null);
    await durability.copyBack();
  };
  await commitMuch();
  assert.equal(durability.refusal, null);
  assert.equal(synced, 0, 'what was not copied is not taken for copied');
  assert.equal(asked.at(-1), 'PRAGMA synchronous = FULL');
  isFull = false;
  await commitMuch();
  assert.equal(durability.refusal, null);
  assert.equal(synced, 1);
});
