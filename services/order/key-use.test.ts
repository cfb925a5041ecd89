/** An idempotency key of which another instance knows more: the database that both share decides. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { acceptedOrder } from '#infrastructure/relational/relational.contract.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import type { RelationalStores } from '#infrastructure/relational/stores.ts';
import { temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { createKeyUse, type KeyUse } from './key-use.ts';

const directory = temporaryDirectory();
let stores: RelationalStores;
let nowMs = 1_000_000_000;
let number = 0;
let orderId: OrderId;

before(async () => {
  stores = await openSqliteRelational({ path: `${directory.path}/database.sqlite` });
});
after(async () => {
  await stores.close();
  directory.dispose();
});
beforeEach(() => {
  number += 1;
  ({ orderId } = acceptedOrder(number));
});

/** `reached`: what happens while it waits for the order index. */
function instance(reached: () => Promise<boolean> = async () => true) {
  const useOf = createKeyUse({
    orders: stores.orders,
    keyClaims: stores.keyClaims,
    indexLag: { trouble: () => null, reached },
    runtime: { clock: { nowMs: () => nowMs, monotonicMs: () => nowMs }, ids: testContext().runtime.ids },
    logger: SILENT,
  });
  return (body: string): Promise<KeyUse> => useOf('a' as AccountId, orderId, body);
}

async function index(body: string): Promise<void> {
  await stores.orders.put([acceptedOrder(number, { bodyDigest: body })]);
}

async function free(use: Promise<KeyUse>): Promise<Extract<KeyUse, { kind: 'free' }>> {
  const settled = await use;
  assert(settled.kind === 'free', JSON.stringify(settled));
  return settled;
}

test('another body is refused while nothing but the claim says that the key was used', async () => {
  const [one, other] = [instance(), instance()];
  await free(one('first'));
  assert.deepEqual(await other('second'), { kind: 'used', bodyDigest: 'first' });
});

test('the same body gets what the index says once it has all', async () => {
  const one = instance();
  const other = instance(async () => {
    await index('first');
    return true;
  });
  await free(one('first'));
  assert.deepEqual(await other('first'), { kind: 'used', bodyDigest: 'first' });
});

test('the same body whose first request came to nothing is placed, and the first one releases nothing of it', async () => {
  const [one, other] = [instance(), instance()];
  const first = await free(one('first'));
  await free(other('first'));
  await first.release();
  assert.deepEqual(await one('second'), { kind: 'used', bodyDigest: 'first' });
});

test('a repeat that is refused does not free the key, while the first request may still be under way', async () => {
  const [one, other] = [instance(), instance()];
  await free(one('first'));
  await (await free(other('first'))).release();
  assert.deepEqual(await one('second'), { kind: 'used', bodyDigest: 'first' });
  nowMs += 60_000;
  const { release } = await free(other('first'));
  await release();
  await free(one('second'));
});

test('of two repeats at once at most one is placed', async () => {
  const arrived: (() => void)[] = [];
  const bothWait = () =>
    new Promise<boolean>((resolve) => {
      arrived.push(() => resolve(true));
      if (arrived.length === 2) for (const go of arrived) go();
    });
  await free(instance()('first'));
  const uses = await Promise.all([instance(bothWait)('first'), instance(bothWait)('first')]);
  assert.deepEqual(uses.map(({ kind }) => kind).sort(), ['free', 'untold']);
});

test('an index that is behind tells nothing about the same body', async () => {
  await free(instance()('first'));
  const use = await instance(async () => false)('first');
  assert.equal(use.kind, 'untold');
});

test('what was refused leaves the key free for another body', async () => {
  const { release } = await free(instance()('first'));
  await release();
  await free(instance()('second'));
});

test('an indexed order keeps its key, and a claim on it does not stay', async () => {
  await free(instance()('first'));
  await index('first');
  await stores.keyClaims.settle([orderId]);
  assert.deepEqual(await instance()('second'), { kind: 'used', bodyDigest: 'first' });
  const claim = { orderId, bodyDigest: 'third', holder: 'h', claimedAtMs: nowMs };
  assert.equal(await stores.keyClaims.take(claim), null);
});

test('a claim whose process died is in nobody’s way after a minute', async () => {
  await free(instance()('first'));
  nowMs += 59_999;
  assert.deepEqual(await instance()('second'), { kind: 'used', bodyDigest: 'first' });
  nowMs += 1;
  await free(instance()('second'));
});

test('a claim that cannot be released is not an error of its request', async () => {
  const { keyClaims } = stores;
  const useOf = createKeyUse({
    orders: stores.orders,
    keyClaims: {
      take: keyClaims.take,
      takeOver: keyClaims.takeOver,
      release: async () => {
        throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
      },
    },
    indexLag: { trouble: () => null, reached: async () => true },
    runtime: testContext().runtime,
    logger: SILENT,
  });
  await (await free(useOf('a' as AccountId, orderId, 'first'))).release();
});
