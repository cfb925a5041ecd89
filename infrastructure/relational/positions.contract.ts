/** How far the projections in the database have come, on every database. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StorePosition, Stretch } from '#infrastructure/common/store-progress.ts';

export interface PositionedStore {
  /** Writes the row of this number, if there is one, and what it was read from. */
  put(row: number | null, read: readonly Stretch[]): Promise<boolean>;
  positions(): Promise<readonly StorePosition[]>;
  has(row: number): Promise<boolean>;
}

/** `store` is asked for anew after each `reopen`. */
export function registerPositionsContract(
  name: string,
  store: () => PositionedStore,
  reopen: () => Promise<void>,
): void {
  function stretch(from: number, offset: number, partition = 0): Stretch {
    return { topic: 'a', partition, from, offset };
  }

  async function at(partition = 0): Promise<number | undefined> {
    return (await store().positions()).find((position) => position.partition === partition)?.offset;
  }

  describe(`positions of ${name}`, () => {
    test('stand behind what was written, each by itself, also after a restart', async () => {
      assert.deepEqual(await store().positions(), []);
      assert.equal(await store().put(1, [stretch(0, 5), stretch(0, 7, 1)]), true);
      assert.equal(await store().put(null, [stretch(5, 8)]), true);
      await reopen();
      assert.deepEqual([await at(0), await at(1), await at(2)], [8, 7, undefined]);
    });

    test('pass over no gap: what begins behind them moves none, and says so', async () => {
      assert.equal(await store().put(1, [stretch(0, 5)]), true);
      assert.equal(await store().put(2, [stretch(6, 9)]), false);
      assert.equal(await at(), 5);
      assert.equal(await store().has(2), true, 'what was read is kept all the same');
      assert.equal(await store().put(3, [stretch(5, 9), stretch(3, 4, 1)]), false);
      assert.deepEqual([await at(0), await at(1)], [9, undefined], 'one of a partition that is not known');
    });

    test('go back where reading begins again, since the records may be others', async () => {
      await store().put(1, [stretch(0, 100)]);
      assert.equal(await store().put(1, [stretch(40, 50)]), true);
      assert.equal(await at(), 50);
      assert.equal(await store().put(1, [stretch(0, 10)]), true);
      assert.equal(await at(), 10);
    });
  });
}
