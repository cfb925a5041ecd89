/** What `feed_positions` says: where each feed is, and the last event of every symbol. */

import { decodeFeedPosition, type FeedSourcePosition } from '#domain/data/feed-position-codec.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';

export interface FeedPositions {
  readonly sources: ReadonlyMap<string, FeedSourcePosition>;
  readonly lastEvents: ReadonlyMap<Symbol, MarketEvent>;
}

const RECORDS_PER_READ = 5_000;

/**
 * Reads all of it. A record that cannot be read is fatal (`FEED_POSITION_UNREADABLE`): to go on without it would
 * give sequence numbers twice.
 */
export async function readFeedPositions(log: EventLog): Promise<FeedPositions> {
  const sources = new Map<string, FeedSourcePosition>();
  const lastEvents = new Map<Symbol, MarketEvent>();
  for (const extent of await log.extents(TOPIC.feedPositions)) {
    let offset = extent.firstOffset;
    for (;;) {
      const records = await log.read(
        { topic: extent.topic, partition: extent.partition, offset },
        RECORDS_PER_READ,
      );
      const last = records.at(-1);
      if (last === undefined) break;
      offset = last.offset + 1;
      for (const { value, offset: at } of records) {
        if (value === null) continue;
        const decoded = decodeFeedPosition(value);
        if (decoded.kind === 'unreadable') {
          throw new OperatingError(
            'FEED_POSITION_UNREADABLE',
            `The record of ${TOPIC.feedPositions} at offset ${at} cannot be read: ${decoded.reason}.`,
            { retry: 'never' },
          );
        }
        if (decoded.value.kind === 'source') sources.set(decoded.value.source, decoded.value);
        else lastEvents.set(decoded.value.lastEvent.symbol, decoded.value.lastEvent);
      }
    }
  }
  return { sources, lastEvents };
}
