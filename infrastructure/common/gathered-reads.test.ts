/** Reads that are asked for together are one read, each with its own answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatherReads } from './gathered-reads.ts';

test('items asked for in one turn are read at once, and each asker gets its own', async () => {
  const reads: (readonly number[])[] = [];
  const get = gatherReads<number, string>(async (keys) => {
    reads.push(keys);
    return keys.map((key) => (key % 2 === 0 ? `item ${key}` : null));
  });
  assert.deepEqual(await Promise.all([get(2), get(3), get(2)]), ['item 2', null, 'item 2']);
  assert.equal(await get(4), 'item 4');
  assert.deepEqual(reads, [[2, 3], [4]]);
});

test('a read that fails fails for all who asked for it, and for nobody else', async () => {
  let fails = true;
  const get = gatherReads<number, number>(async (keys) => {
    if (fails) throw new Error('the disk is gone');
    return keys;
  });
  const outcomes = await Promise.allSettled([get(1), get(2)]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  fails = false;
  assert.equal(await get(3), 3);
});

test('many askers are served in reads of a limited size', async () => {
  const sizes: number[] = [];
  const get = gatherReads<number, number>(async (keys) => {
    sizes.push(keys.length);
    return keys;
  });
  const keys = Array.from({ length: 600 }, (_, key) => key);
  assert.deepEqual(await Promise.all(keys.map(get)), keys);
  assert.deepEqual(sizes, [256, 256, 88]);
});

test('while as many reads are under way as may be, those who ask gather, and are answered by a read begun after they asked', async () => {
  const reads: { readonly keys: readonly string[]; answer(): void }[] = [];
  let version = 1;
  const get = gatherReads<string, string>(
    async (keys) => {
      const seen = keys.map((key) => `${key}${version}`);
      await new Promise<void>((resolve) => reads.push({ keys, answer: resolve }));
      return seen;
    },
    { readsAtOnce: 2 },
  );
  const turn = () => new Promise(setImmediate);
  const first = get('a');
  await turn();
  const second = get('b');
  await turn();
  const waiting = [get('a'), get('c')];
  await turn();
  waiting.push(get('a'));
  await turn();
  assert.deepEqual(
    reads.map(({ keys }) => keys),
    [['a'], ['b']],
  );
  version = 2;
  reads[1]?.answer();
  assert.equal(await second, 'b1');
  await turn();
  assert.deepEqual(reads[2]?.keys, ['a', 'c']);
  for (const { answer } of reads) answer();
  assert.deepEqual([await first, await Promise.all(waiting)], ['a1', ['a2', 'c2', 'a2']]);
});
