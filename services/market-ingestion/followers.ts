/**
 * What a feed flat out waits for: that whoever turns its events into executed prices keeps up. Without this a file is
 * written as fast as the log takes it; every reader then falls back from the log's memory to its file and decodes for
 * itself what others have decoded, and an order placed meanwhile stands behind all that was written before it.
 *
 * One that does not move is not waited for: it is down, or is not part of this deployment any more.
 */
import { TOPIC } from '#domain/data/topics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { MAX_BATCH_ITEMS } from './feed.ts';

interface Follower {
  readonly group: string;
  readonly topic: string;
  /** In a partition, before it is waited for. */
  readonly recordsBehindMax: number;
}

/** Each stays well within what the embedded log keeps of its topic in memory. */
const FOLLOWERS: readonly Follower[] = [
  { group: 'price-sequencer', topic: TOPIC.marketData, recordsBehindMax: 2 * MAX_BATCH_ITEMS },
  { group: 'trade-execution', topic: TOPIC.tradeOrders, recordsBehindMax: 256 },
];
const STALLED_MS = 1_000;
const LOOK_MS = 2;

/** Where a follower was first seen to be where it is. */
interface Standing {
  readonly offsets: number;
  readonly sinceMs: number;
}

export interface Followers {
  /** Resolves when all are near enough, or stalled, or `signal` is aborted. Throws what the log throws. */
  keepUp(signal: AbortSignal): Promise<void>;
}

export function createFollowers(
  log: Pick<EventLog, 'committedPositions' | 'extents'>,
  { clock, timers }: Pick<Runtime, 'clock' | 'timers'>,
): Followers {
  const standings = new Map<Follower, Standing>();

  async function isAwaited(follower: Follower): Promise<boolean> {
    const { group, topic, recordsBehindMax } = follower;
    const positions = (await log.committedPositions(group)).filter((position) => position.topic === topic);
    if (positions.length === 0) return false;
    const ends = new Map<number, number>();
    for (const { partition, nextOffset } of await log.extents(topic)) ends.set(partition, nextOffset);
    const isBehind = positions.some(
      ({ partition, offset }) => (ends.get(partition) ?? offset) - offset > recordsBehindMax,
    );
    const offsets = positions.reduce((sum, { offset }) => sum + offset, 0);
    const nowMs = clock.monotonicMs();
    const standing = standings.get(follower);
    if (!isBehind || standing?.offsets !== offsets) {
      standings.set(follower, { offsets, sinceMs: nowMs });
      return isBehind;
    }
    return nowMs - standing.sinceMs < STALLED_MS;
  }

  return {
    async keepUp(signal) {
      for (const follower of FOLLOWERS) {
        while (!signal.aborted && (await isAwaited(follower))) await timers.sleep(LOOK_MS, signal);
      }
    },
  };
}
