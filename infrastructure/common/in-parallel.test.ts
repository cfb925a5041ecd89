import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inParallel } from './in-parallel.ts';

/** Each piece of work waits until it is let go. */
function gate() {
  const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  const begun: number[] = [];
  const work = (item: number) =>
    new Promise<number>((resolve, reject) => {
      begun.push(item);
      waiting.set(item, { resolve: () => resolve(item * 10), reject });
    });
  return { begun, work, waiting };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe('work in parallel', () => {
  test('never more at once than asked for, answered in order', async () => {
    const { begun, work, waiting } = gate();
    const done = inParallel([1, 2, 3], 2, work);
    assert.deepEqual(begun, [1, 2]);
    waiting.get(2)?.resolve();
    await turns();
    assert.deepEqual(begun, [1, 2, 3]);
    waiting.get(3)?.resolve();
    waiting.get(1)?.resolve();
    assert.deepEqual(await done, [10, 20, 30]);
    assert.deepEqual(await inParallel([], 2, work), []);
  });

  test('after a failure nothing is begun, and what runs is waited for', async () => {
    const { begun, work, waiting } = gate();
    let settled = false;
    const done = inParallel([1, 2, 3], 2, work).finally(() => {
      settled = true;
    });
    done.catch(() => 'looked at below');
    waiting.get(1)?.reject(new Error('first'));
    await turns();
    assert.equal(settled, false);
    waiting.get(2)?.resolve();
    await assert.rejects(done, /first/);
    assert.deepEqual(begun, [1, 2]);
  });
});
