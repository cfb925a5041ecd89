import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { Client } from 'pg';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { refusalOf } from '#tests/support/refused-start.ts';
import { sharedServer, startServer } from '#tests/support/servers.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { firstTables } from '../migrations/0001-first-tables.ts';
import { acceptedOrder, registerRelationalContract, statementLine } from '../relational.contract.ts';
import type { RelationalStores } from '../stores.ts';
import { openPostgresRelational, type PostgresRelationalOptions } from './postgres-relational.ts';

const runtime = createSystemRuntime();
const sharedUrl = await sharedServer('postgres');

function openOn(url: string, options: Partial<PostgresRelationalOptions> = {}): Promise<RelationalStores> {
  return openPostgresRelational({ ...serverOptions(url), ...options });
}

/** Past the stores. */
async function directly<Value>(url: string, work: (client: Client) => Promise<Value>): Promise<Value> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** In a language's order, to see that ids are not in it. */
async function freshDatabase(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await directly(url, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`),
  );
  const fresh = new URL(url);
  fresh.pathname = name;
  return fresh.href;
}

async function dropDatabase(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await directly(sharedUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
}

registerRelationalContract('PostgreSQL', async () => {
  const url = await freshDatabase(sharedUrl);
  let store = await openOn(url);
  return {
    get store() {
      return store;
    },
    async reopen() {
      await store.close();
      store = await openOn(url);
    },
    async dispose() {
      await store.close();
      await dropDatabase(url);
    },
  };
});

describe('the relational database on PostgreSQL', () => {
  test('is made from nothing by many who start at once', async () => {
    const url = await freshDatabase(sharedUrl);
    const opened = await Promise.all([openOn(url), openOn(url), openOn(url)]);
    await opened[0]?.orders.put([acceptedOrder(1)]);
    await Promise.all(opened.map((store) => store.close()));
    const again = await openOn(url);
    assert.deepEqual(await again.orders.get(acceptedOrder(1).orderId), acceptedOrder(1));
    await again.close();
    await dropDatabase(url);
  });

  test('of the version before is brought up to this one, with what it held', async () => {
    const url = await freshDatabase(sharedUrl);
    const before = await openOn(url, { migrations: { '0001-first-tables': firstTables } });
    await before.orders.put([acceptedOrder(1)]);
    await before.statements.append([statementLine(1, { entryId: 'b' }), statementLine(2, { entryId: 'B' })]);
    await before.close();
    const now = await openOn(url);
    assert.deepEqual(await now.orders.get(acceptedOrder(1).orderId), acceptedOrder(1));
    const lines = await now.statements.scan(null, 10);
    assert.deepEqual(
      lines.map(({ entryId }) => entryId),
      ['B', 'b'],
      'by bytes, not by language',
    );
    await now.close();
    await dropDatabase(url);
  });

  test('that a newer version has changed is refused with a sentence', async () => {
    const url = await freshDatabase(sharedUrl);
    await (await openOn(url)).close();
    await directly(url, (client) =>
      client.query(
        "INSERT INTO tradehall_migrations (name, timestamp) VALUES ('9999-from-the-future', '2030')",
      ),
    );
    await assert.rejects(openOn(url), { code: 'STORE_VERSION', message: /9999-from-the-future/ });
    await dropDatabase(url);
  });

  test('a table that somebody empties takes its positions along, and is not emptied without them', async () => {
    const url = await freshDatabase(sharedUrl);
    const stores = await openOn(url);
    const read = [{ topic: 'a', partition: 0, from: 0, offset: 5 }];
    await stores.orders.put([acceptedOrder(1)], read);
    await stores.orders.put([], [{ topic: 'a', partition: 0, from: 5, offset: 6 }]);
    await stores.statements.append([statementLine(1)], read);
    await directly(url, async (client) => {
      await assert.rejects(client.query('TRUNCATE orders'), /referenced in a foreign key constraint/);
      await client.query('TRUNCATE orders CASCADE');
      await client.query('DELETE FROM statement_lines');
    });
    assert.deepEqual(await stores.orders.positions(), []);
    assert.deepEqual(await stores.statements.positions(), []);
    assert.equal(await stores.orders.put([], [{ topic: 'a', partition: 0, from: 6, offset: 7 }]), false);
    await stores.close();
    await dropDatabase(url);
  });

  test('a failed batch leaves its connection fit for nothing, and the next batch works', async () => {
    const url = await freshDatabase(sharedUrl);
    const store = await openOn(url, { maxConnections: 1 });
    for (let count = 0; count < 3; count += 1) {
      await assert.rejects(
        store.orders.put([acceptedOrder(1), { ...acceptedOrder(2), symbol: null as never }]),
        (error) =>
          error instanceof OperatingError && error.code === 'STORE_FAILED' && error.retry === 'never',
      );
      assert.equal(await store.orders.get(acceptedOrder(1).orderId), null);
    }
    await store.orders.put([acceptedOrder(1), acceptedOrder(2)]);
    assert.deepEqual(await store.orders.get(acceptedOrder(2).orderId), acceptedOrder(2));
    await store.close();
    await assert.rejects(store.orders.put([acceptedOrder(3)]), { code: 'STORE_CLOSED', retry: 'never' });
    await dropDatabase(url);
  });

  test('an idempotency key that two instances claim at once is one’s', async () => {
    const url = await freshDatabase(sharedUrl);
    const stores = await Promise.all([openOn(url), openOn(url)]);
    const keys = Array.from({ length: 100 }, (_, number) => acceptedOrder(number));
    const answers = await Promise.all(
      stores.flatMap(({ keyClaims }, at) =>
        keys.map(({ orderId, bodyDigest }) =>
          keyClaims.take({ orderId, bodyDigest, holder: `instance ${at}`, claimedAtMs: at }),
        ),
      ),
    );
    const [ones = [], others = []] = [answers.slice(0, keys.length), answers.slice(keys.length)];
    for (const [at, one] of ones.entries()) {
      const standing = [one, others[at]].filter((claim) => claim !== null);
      assert.equal(standing.length, 1);
      assert.equal(standing[0]?.holder, one === null ? 'instance 0' : 'instance 1');
    }
    await Promise.all(stores.map((store) => store.close()));
    await dropDatabase(url);
  });

  test('writers of the same rows in other orders all get through', async () => {
    const url = await freshDatabase(sharedUrl);
    const stores = await Promise.all([openOn(url), openOn(url)]);
    const orders = Array.from({ length: 300 }, (_, number) => acceptedOrder(number));
    await Promise.all(
      Array.from({ length: 6 }, (_, turn) =>
        until(() => stores[turn % 2]?.orders.put(turn < 3 ? orders : orders.toReversed())),
      ),
    );
    assert.equal((await stores[0]?.orders.scan(null, 1_000))?.length, 300);
    await Promise.all(stores.map((store) => store.close()));
    await dropDatabase(url);
  });
});

/** Tries until it works; the runner's time limit ends it otherwise. */
async function until<Value>(attempt: () => Promise<Value> | undefined): Promise<Value | undefined> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OperatingError) || error.retry === 'never') throw error;
      await runtime.timers.sleep(20);
    }
  }
}

describe('a PostgreSQL that fails', { timeout: 90_000 }, () => {
  test('killed and started again: calls fail as the store, then work, and nothing acknowledged is lost', async () => {
    const server = await startServer('postgres');
    const store = await openOn(server.url);
    try {
      await store.orders.put([acceptedOrder(1)]);
      await server.kill();
      for (const call of [
        () => store.orders.get(acceptedOrder(1).orderId),
        () => store.orders.put([acceptedOrder(2)]),
      ]) {
        await assert.rejects(call(), { name: 'OperatingError', code: 'STORE_UNAVAILABLE' });
      }
      await server.startAgain();
      await until(() => store.orders.put([acceptedOrder(2)]));
      const found = await store.orders.getMany([acceptedOrder(1).orderId, acceptedOrder(2).orderId]);
      assert.equal(found.length, 2);
    } finally {
      await store.close();
      await server.stop();
    }
  });

  test('that does not answer: calls end at their limit, and work when it is back', async () => {
    const server = await startServer('postgres');
    const store = await openOn(server.url, { statementMs: 200 });
    try {
      await store.orders.put([acceptedOrder(1)]);
      server.pause();
      await assert.rejects(store.orders.get(acceptedOrder(1).orderId), {
        code: 'STORE_UNAVAILABLE',
        retry: 'retry',
      });
      await assert.rejects(store.orders.put([acceptedOrder(2)]), { code: 'STORE_UNAVAILABLE' });
      server.resume();
      await until(() => store.orders.put([acceptedOrder(2)]));
      assert.deepEqual(await until(() => store.orders.get(acceptedOrder(2).orderId)), acceptedOrder(2));
    } finally {
      server.resume();
      await store.close();
      await server.stop();
    }
  });
});

describe('a start on PostgreSQL ends with one sentence', () => {
  const sentence = async (url: string): Promise<string> => {
    const { code, message } = await refusalOf(openOn(url));
    return `${code}: ${message}`;
  };
  const { host, username, password } = new URL(sharedUrl);

  test('when nothing listens', async () => {
    assert.equal(
      await sentence('postgres://ada@127.0.0.1:1/hall'),
      'STORE_UNAVAILABLE: PostgreSQL at 127.0.0.1:1 refuses connections (ECONNREFUSED).',
    );
  });

  test('when the password is wrong, which it does not repeat', async () => {
    assert.equal(
      await sentence(`postgres://${username}:geheim@${host}/postgres`),
      `STORE_REFUSED: PostgreSQL at ${host} does not accept the user or password: correct the URL, or the file that database_password_file names (SQLSTATE 28P01).`,
    );
  });

  test('when it asks for a password and the URL has none', async () => {
    assert.equal(
      await sentence(`postgres://${username}@${host}/postgres`),
      `STORE_REFUSED: PostgreSQL at ${host} asks for a password: correct the URL, or the file that database_password_file names.`,
    );
  });

  test('when there is no such database', async () => {
    assert.equal(
      await sentence(`postgres://${username}:${password}@${host}/nowhere`),
      `STORE_REFUSED: PostgreSQL at ${host} has no database of that name: create it (CREATE DATABASE), or correct the URL (SQLSTATE 3D000).`,
    );
  });
});
