/**
 * Reads of single items that are asked for in one turn of the event loop become one read of many. On SQLite a read
 * costs mostly its transaction (locks, a page cache that each commit elsewhere empties), so ten at once cost little
 * more than one. What is answered was read after it was asked for.
 */
const ITEMS_PER_READ = 256;

interface Asked<Key, Item> {
  readonly key: Key;
  resolve(item: Item | null): void;
  reject(error: unknown): void;
}

/** `readMany` gives an item per key, in order, or `null` where there is none. When it fails, all who asked are told. */
export function gatherReads<Key, Item>(
  readMany: (keys: readonly Key[]) => Promise<readonly (Item | null)[]>,
): (key: Key) => Promise<Item | null> {
  let asked: Asked<Key, Item>[] = [];

  async function answer(): Promise<void> {
    const waiting = asked;
    asked = [];
    for (let start = 0; start < waiting.length; start += ITEMS_PER_READ) {
      const some = waiting.slice(start, start + ITEMS_PER_READ);
      try {
        const items = await readMany(some.map(({ key }) => key));
        some.forEach(({ resolve }, at) => {
          resolve(items[at] ?? null);
        });
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
  }

  return (key) =>
    new Promise((resolve, reject) => {
      if (asked.push({ key, resolve, reject }) === 1) setImmediate(() => void answer());
    });
}
