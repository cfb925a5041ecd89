/**
 * Reads of single items that are asked for in one turn of the event loop become one read of many. On SQLite a read
 * costs mostly its transaction (locks, a page cache that each commit elsewhere empties), on a server mostly its call, so
 * ten at once cost little more than one. What is answered was read after it was asked for.
 */
interface Asked<Item> {
  resolve(item: Item | null): void;
  reject(error: unknown): void;
}

type Waiting<Key, Item> = readonly (readonly [Key, readonly Asked<Item>[]])[];

export interface GatheringOptions {
  /** Default 256. */
  readonly itemsPerRead?: number;
  /** While so many reads are under way, those who ask gather for the next one. Default: as many as there are. */
  readonly readsAtOnce?: number;
}

/**
 * `readMany` is given each key once, and answers an item per key, in order, or `null` where there is none. When it
 * fails, all who asked for one of its keys are told. Keys are told apart as those of a map.
 */
export function gatherReads<Key, Item>(
  readMany: (keys: readonly Key[]) => Promise<readonly (Item | null)[]>,
  { itemsPerRead = 256, readsAtOnce = Number.POSITIVE_INFINITY }: GatheringOptions = {},
): (key: Key) => Promise<Item | null> {
  const asked = new Map<Key, Asked<Item>[]>();
  let begins = false;
  let underWay = 0;

  function begin(): void {
    begins = false;
    while (asked.size > 0 && underWay < readsAtOnce) {
      const some = [...asked.entries().take(itemsPerRead)];
      for (const [key] of some) asked.delete(key);
      underWay += 1;
      void answer(some);
    }
  }

  async function answer(waiting: Waiting<Key, Item>): Promise<void> {
    try {
      const items = await readMany(waiting.map(([key]) => key));
      waiting.forEach(([, askers], at) => {
        for (const { resolve } of askers) resolve(items[at] ?? null);
      });
    } catch (error) {
      for (const [, askers] of waiting) for (const { reject } of askers) reject(error);
    }
    underWay -= 1;
    begin();
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const askers = asked.get(key);
      if (askers === undefined) asked.set(key, [{ resolve, reject }]);
      else askers.push({ resolve, reject });
      if (begins) return;
      begins = true;
      setImmediate(begin);
    });
}
