import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { inTemporaryFolder } from '#infrastructure/common/store-under-test.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { acceptedOrder, registerRelationalContract, statementLine } from '../relational.contract.ts';
import { openSqliteRelational } from './sqlite-relational.ts';

registerRelationalContract(
  'SQLite',
  inTemporaryFolder((path) => openSqliteRelational({ path })),
);

describe('the relational file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tradehall-relational-'));
    path = join(folder, 'database.sqlite');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('one that a newer version has changed is refused with a sentence', async () => {
    await (await openSqliteRelational({ path })).close();
    const file = new DatabaseSync(path);
    file.exec(
      "INSERT INTO tradehall_migrations (name, timestamp) VALUES ('9999-from-the-future', '2030-01-01')",
    );
    file.close();
    await assert.rejects(
      openSqliteRelational({ path }),
      (error) =>
        error instanceof OperatingError &&
        error.code === 'STORE_VERSION' &&
        /changed by a newer Tradehall \(9999-from-the-future\)/.test(error.message),
    );
  });

  test('a file whose tables were cut off in their making, wherever, gets them with the next start', async () => {
    let cutOff = 0;
    for (let pages = 2; pages < 40; pages += 1) {
      const file = join(folder, `limit-${pages}.sqlite`);
      try {
        await (await openSqliteRelational({ path: file, sizeLimitBytes: pages * 4_096 })).close();
      } catch (error) {
        assert.ok(error instanceof OperatingError && error.code === 'STORE_FULL');
        cutOff += 1;
      }
      const stores = await openSqliteRelational({ path: file });
      await stores.orders.put([acceptedOrder(0)]);
      await stores.close();
    }
    assert.ok(cutOff > 3);
  });

  test('a table that somebody empties takes its positions along, and the other table keeps its own', async () => {
    const stores = await openSqliteRelational({ path });
    const read = [{ topic: 'a', partition: 0, from: 0, offset: 5 }];
    await stores.orders.put([acceptedOrder(1)], read);
    await stores.orders.put([], [{ topic: 'a', partition: 0, from: 5, offset: 6 }]);
    await stores.statements.append([statementLine(1)], read);
    const file = new DatabaseSync(path);
    file.exec('DELETE FROM orders');
    file.close();
    assert.deepEqual(await stores.orders.positions(), []);
    assert.equal((await stores.statements.positions()).length, 1);
    await stores.close();
  });

  test('a full disk is an operating failure, and the batch leaves nothing', async () => {
    const stores = await openSqliteRelational({ path, sizeLimitBytes: 200_000 });
    const orders = Array.from({ length: 2_000 }, (_, number) => acceptedOrder(number));
    await assert.rejects(
      stores.orders.put(orders),
      (error) => error instanceof OperatingError && error.code === 'STORE_FULL' && error.retry === 'retry',
    );
    assert.equal(await stores.orders.get(acceptedOrder(0).orderId), null);
    await stores.orders.put([acceptedOrder(0)]);
    await stores.close();
  });
});
