/**
 * The order of what a file gives: rows come in order of (time, line); a bar's later trades come between rows
 * that follow it. Every item has a key (time, line, step), and items leave in the order of their keys.
 *
 *   row (t, line) ─▶ step 0 at t, steps 1…3 later ─▶ one queue per step ─▶ the least key of the four heads
 *
 * Whatever is at or before the row just taken in can leave, since later rows have greater keys. Each queue is in
 * order by itself, as the steps of all bars lie equally far behind their bars; together they hold the bars of one
 * interval at most.
 */
import type { BadRow, FeedTick } from './feed.ts';

/** So many trades a bar becomes. */
export const PATH_STEPS = 4;

export interface ItemKey {
  /** Market time, ms; `null` of a row without a time, before all others. */
  readonly timeMs: number | null;
  readonly line: number;
  readonly step: number;
}

/** One object with its key, since of these a file gives millions. */
export interface ReplayTick extends FeedTick {
  readonly kind: 'tick';
  readonly line: number;
  readonly step: number;
}

export interface ReplayBadRow extends ItemKey {
  readonly kind: 'bad';
  readonly row: BadRow;
}

export type ReplayItem = ReplayTick | ReplayBadRow;

export function compareKeys(left: ItemKey, right: ItemKey): number {
  if (left.timeMs !== right.timeMs) return (left.timeMs ?? -Infinity) - (right.timeMs ?? -Infinity);
  return left.line - right.line || left.step - right.step;
}

/** First in, first out, without moving the rest for each that leaves. */
class Queue {
  #items: ReplayItem[] = [];
  #head = 0;

  push(item: ReplayItem): void {
    this.#items.push(item);
  }

  first(): ReplayItem | undefined {
    return this.#items[this.#head];
  }

  dropFirst(): void {
    this.#head += 1;
    if (this.#head < 1_024 || this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}

export interface ReplayMerge {
  add(item: ReplayItem): void;
  /** The next item whose key is not above `limit`; `null` for all that is left. */
  take(limit: ItemKey | null): ReplayItem | undefined;
}

export function createReplayMerge(): ReplayMerge {
  const queues = Array.from({ length: PATH_STEPS }, () => new Queue());
  return {
    add: (item) => queues[item.step]?.push(item),
    take(limit) {
      let least: ReplayItem | undefined;
      let from: Queue | undefined;
      for (const queue of queues) {
        const first = queue.first();
        if (first === undefined || (least !== undefined && compareKeys(first, least) > 0)) continue;
        least = first;
        from = queue;
      }
      if (least === undefined || (limit !== null && compareKeys(least, limit) > 0)) return undefined;
      from?.dropFirst();
      return least;
    },
  };
}
