/** Work on many items against a server, a few at a time: all at once would only queue in the client. */

/**
 * Answers in the order of `items`. After a failure nothing more is begun; what runs is waited for, so that nothing
 * goes on behind the caller's back, and the first failure is thrown.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(items.length);
  const failures: unknown[] = [];
  const rest = items.entries();

  async function worker(): Promise<void> {
    for (const [at, item] of rest) {
      if (failures.length > 0) return;
      try {
        results[at] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
