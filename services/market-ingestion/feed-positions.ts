/** What `feed_positions` says: where each feed is, and the last event of every symbol. */

import type { Decoded } from '#domain/data/decoded.ts';
import {
  decodeFeedPosition,
  type FeedPosition,
  type FeedSourcePosition,
  feedPositionKey,
  feedSourceKey,
  isFeedSymbolKey,
} from '#domain/data/feed-position-codec.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { deadLetterRecord } from '#infrastructure/event-log/dead-letters.ts';
import type { EventLog, LogRecord, NewRecord } from '#infrastructure/event-log/event-log.ts';

export interface FeedPositions {
  readonly sources: ReadonlyMap<string, FeedSourcePosition>;
  readonly lastEvents: ReadonlyMap<Symbol, MarketEvent>;
  /** About the records that cannot be read. */
  readonly letters: readonly NewRecord[];
  /** `FEED_POSITION_UNREADABLE` where `source` or a symbol has no readable record: to go on would give sequence numbers twice. */
  readonly damage: OperatingError | null;
}

const RECORDS_PER_READ = 5_000;

/**
 * Reads all of it, for a feed that is `source`; letters are `reader`'s. A record that cannot be read is another producer's,
 * and the last readable one of its key stands.
 */
export async function readFeedPositions(
  log: Pick<EventLog, 'extents' | 'read'>,
  { reader, source }: { readonly reader: string; readonly source: string },
): Promise<FeedPositions> {
  const sources = new Map<string, FeedSourcePosition>();
  const lastEvents = new Map<Symbol, MarketEvent>();
  const unreadable: LogRecord[] = [];
  const readable = new Set<string | null>();
  const letters: NewRecord[] = [];
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
      for (const record of records) {
        if (record.value === null) {
          readable.add(record.key);
          continue;
        }
        const decoded = decodeUnderItsKey(record.key, record.value);
        if (decoded.kind === 'unreadable') {
          unreadable.push(record);
          letters.push(deadLetterRecord(record, reader, decoded));
          continue;
        }
        readable.add(record.key);
        if (decoded.value.kind === 'source') sources.set(decoded.value.source, decoded.value);
        else lastEvents.set(decoded.value.lastEvent.symbol, decoded.value.lastEvent);
      }
    }
  }
  const isNeeded = (key: string) => key === feedSourceKey(source) || isFeedSymbolKey(key);
  const lost = unreadable.find(({ key }) => key !== null && isNeeded(key) && !readable.has(key));
  return { sources, lastEvents, letters, damage: lost === undefined ? null : damageAt(lost) };
}

function damageAt({ offset, key }: LogRecord): OperatingError {
  return new OperatingError(
    'FEED_POSITION_UNREADABLE',
    `The record of ${TOPIC.feedPositions} at offset ${offset} cannot be read, and there is no other one of ${key}: where ingestion has to go on is not known.`,
    { retry: 'never' },
  );
}

function decodeUnderItsKey(key: string | null, value: Uint8Array): Decoded<FeedPosition> {
  const decoded = decodeFeedPosition(value);
  if (decoded.kind === 'unreadable') return decoded;
  const expected = feedPositionKey(decoded.value);
  if (key === expected) return decoded;
  const message = `must be ${expected}`;
  return {
    kind: 'unreadable',
    reason: `key: ${message}`,
    errors: [{ field: 'key', rule: 'match', message }],
  };
}
