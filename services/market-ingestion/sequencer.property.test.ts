/** Readers in the same process take over an event from ingestion itself: it has to be what its record says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_SCALED, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import { decodeMarketEvent, encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import type { FeedTick } from './feed.ts';
import { createSequencer } from './sequencer.ts';

const price = fc.bigInt({ min: 1n, max: MAX_SCALED }).map((value) => value as Price);
const quantity = fc.bigInt({ min: 0n, max: MAX_SCALED }).map((value) => value as Quantity);
const symbol = fc.constantFrom('AAPL', 'BRK.B', 'S-1').map((text) => text as Symbol);
const timeMs = fc.integer({ min: 0, max: MAX_TIMESTAMP_MS });
const bid = fc.record({ bid: price, bidSize: fc.option(quantity) });
const ask = fc.record({ ask: price, askSize: fc.option(quantity) });
const noBid = { bid: null, bidSize: null };
const noAsk = { ask: null, askSize: null };
const quote = fc.oneof(
  bid.map((side) => ({ ...side, ...noAsk })),
  ask.map((side) => ({ ...noBid, ...side })),
  fc.tuple(bid, ask).map(([left, right]) => ({ ...left, ...right })),
);
const tick: fc.Arbitrary<FeedTick> = fc.oneof(
  fc.record({ symbol, timeMs, price, size: quantity, quote: fc.constant(null) }),
  fc.record({ symbol, timeMs, price: fc.constant(null), size: fc.constant(null), quote }),
  fc.record({ symbol, timeMs, price, size: quantity, quote }),
);

test('an event is read back from its record as ingestion made it, whatever the feed gives', () => {
  fc.assert(
    fc.property(fc.array(tick, { maxLength: 20 }), (ticks) => {
      const sequencer = createSequencer([]);
      for (const each of ticks) {
        const value = sequencer.next(each, 'replay-0123456789abcdef');
        const bytes = encodeMarketEvent(value, { sourceService: 'market-ingestion' });
        assert.deepEqual(decodeMarketEvent(bytes), { kind: 'decoded', value });
      }
    }),
  );
});
