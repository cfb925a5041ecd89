/** What holds of every codec: what was written is read back, and what is broken is refused with the field's name. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { anyFeedPosition, anyMarketEvent, anyTradingInput } from '#tests/support/arbitrary-events.ts';
import {
  anyAccountStateEntity,
  anyLedgerEntry,
  anyOrderUpdate,
  anyTradeExecuted,
  anyVenueCommand,
} from '#tests/support/arbitrary-outputs.ts';
import { decodeAccountStateEntity } from './account-state-codec.ts';
import { encodeAccountStateEntity } from './account-state-writer.ts';
import { formatScaled } from './decimal.ts';
import type { Decoded } from './decoded.ts';
import { MAX_RECORD_BYTES } from './event-envelope.ts';
import { decodeExecutionHead, encodeExecutionHead } from './execution-head-codec.ts';
import { decodeFeedPosition, encodeFeedPosition } from './feed-position-codec.ts';
import { isWireObject } from './field-reader.ts';
import { decodeMarketEvent, encodeMarketEvent } from './market-event-codec.ts';
import { asRecordedEntry, postingsOf } from './trading-events.ts';
import { decodeTradingInput, encodeTradingInput } from './trading-input-codec.ts';
import {
  decodeLedgerEntry,
  decodeOrderUpdate,
  decodeTradeExecuted,
  decodeVenueCommand,
  encodeTradingOutput,
} from './trading-output-codec.ts';

const context = { sourceService: 'a-service' };
const traced = { ...context, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };

interface Written {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

interface Codec {
  readonly name: string;
  readonly written: fc.Arbitrary<Written>;
  decode(bytes: Uint8Array): Decoded<unknown>;
}

function codec<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): Codec {
  return { name, written: values.map((value) => ({ value, bytes: encode(value) })), decode };
}

const anyExecutionHead = fc.record(
  {
    partition: fc.nat(),
    nextInputOffset: fc.nat(),
    inputsApplied: fc.nat(),
    stateHash: fc.stringMatching(/^[0-9a-f]{64}$/),
  },
  { noNullPrototype: true },
);

const codecs: readonly Codec[] = [
  codec('market event', anyMarketEvent, (event) => encodeMarketEvent(event, context), decodeMarketEvent),
  codec(
    'traced market event',
    anyMarketEvent,
    (event) => encodeMarketEvent(event, traced),
    decodeMarketEvent,
  ),
  codec('trading input', anyTradingInput, (input) => encodeTradingInput(input, traced), decodeTradingInput),
  codec(
    'trade executed',
    anyTradeExecuted,
    (event) => encodeTradingOutput(event, context),
    decodeTradeExecuted,
  ),
  codec('order update', anyOrderUpdate, (event) => encodeTradingOutput(event, context), decodeOrderUpdate),
  codec('ledger entry', anyLedgerEntry, (event) => encodeTradingOutput(event, context), decodeLedgerEntry),
  codec('venue command', anyVenueCommand, (event) => encodeTradingOutput(event, context), decodeVenueCommand),
  codec('account state', anyAccountStateEntity, encodeAccountStateEntity, decodeAccountStateEntity),
  codec('execution head', anyExecutionHead, encodeExecutionHead, decodeExecutionHead),
  codec('feed position', anyFeedPosition, encodeFeedPosition, decodeFeedPosition),
];

test('a fill in short is written as its postings spelt out', () => {
  const postings = fc.record({
    cash: anyTradeExecuted.map(({ quantity }) => -quantity),
    asset: fc.constant('AAPL'),
    shares: anyTradeExecuted.map(({ quantity }) => quantity),
    settlement: fc.constantFrom('at_once', 'later'),
  });
  fc.assert(
    fc.property(anyLedgerEntry, postings, (entry, short) => {
      const inShort = { ...entry, postings: short };
      const written = encodeTradingOutput(inShort, context);
      assert.deepEqual(written, encodeTradingOutput(asRecordedEntry(inShort), context));
      assert.equal(postingsOf(inShort).length, short.settlement === 'later' ? 4 : 8);
    }),
  );
});

function assertExplained(decoded: Decoded<unknown>): void {
  if (decoded.kind === 'decoded') return;
  assert.ok(decoded.reason.length > 0);
  assert.ok(decoded.errors.length > 0);
  for (const { rule, message } of decoded.errors) assert.ok(rule.length > 0 && message.length > 0);
}

const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
const print = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The paths of all values that are no objects. The trace context is for tracing alone and never read here. */
function leaves(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (path[0] === 'traceContext') return [];
  if (typeof value !== 'object' || value === null) return value === null ? [] : [path];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function replaced(value: unknown, path: readonly string[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((inner, index) => (String(index) === key ? replaced(inner, rest, by) : inner));
  assert.ok(isWireObject(value));
  return { ...value, [key]: replaced(value[key], rest, by) };
}

for (const { name, written, decode } of codecs) {
  describe(name, () => {
    test('what was written is read back', () => {
      fc.assert(
        fc.property(written, ({ value, bytes }) =>
          assert.deepEqual(decode(bytes), { kind: 'decoded', value }),
        ),
      );
    });

    test('what was written is JSON as JSON.stringify writes it', () => {
      fc.assert(
        fc.property(written, ({ bytes }) =>
          assert.equal(new TextDecoder().decode(bytes), JSON.stringify(parse(bytes))),
        ),
      );
    });

    test('another order of fields, spaces and unknown fields make no difference', () => {
      fc.assert(
        fc.property(written, ({ value, bytes }) => {
          const fields = parse(bytes);
          assert.ok(isWireObject(fields));
          const reordered = {
            aNewField: { of: ['a later version'] },
            ...Object.fromEntries(Object.entries(fields).toReversed()),
          };
          const printed = new TextEncoder().encode(JSON.stringify(reordered, null, 1));
          assert.deepEqual(decode(printed), { kind: 'decoded', value });
        }),
        { numRuns: 30 },
      );
    });

    test('a field of the wrong type is refused by its name', () => {
      fc.assert(
        fc.property(written, fc.nat(), ({ bytes }, pick) => {
          const fields = parse(bytes);
          const paths = leaves(fields);
          const path = paths[pick % paths.length] ?? [];
          const decoded = decode(print(replaced(fields, path, {})));
          assert.equal(decoded.kind, 'unreadable');
          assert.ok(
            decoded.errors.some(({ field }) => field === path.join('.')),
            `${path.join('.')} is not named in ${JSON.stringify(decoded.errors)}`,
          );
        }),
      );
    });

    test('any value in any place, and any change of bytes, is read or explained; nothing throws', () => {
      fc.assert(
        fc.property(written, fc.nat(), fc.jsonValue(), fc.nat(255), ({ bytes }, pick, junk, byte) => {
          const fields = parse(bytes);
          const paths = leaves(fields);
          assertExplained(decode(print(replaced(fields, paths[pick % paths.length] ?? [], junk))));
          const flipped = Uint8Array.from(bytes);
          flipped[pick % flipped.length] = byte;
          assertExplained(decode(flipped));
          assertExplained(decode(bytes.subarray(0, pick % bytes.length)));
        }),
      );
    });

    test('garbage is refused', () => {
      const garbage = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.json().map((text) => new TextEncoder().encode(text)),
      );
      fc.assert(
        fc.property(garbage, (bytes) => {
          const decoded = decode(bytes);
          assert.equal(decoded.kind, 'unreadable');
          assertExplained(decoded);
        }),
      );
      for (const text of ['', 'null', '[]', '"text"', '{"__proto__":{"payload":{}}}', '['.repeat(50_000)]) {
        assertExplained(decode(new TextEncoder().encode(text)));
      }
      const tooLong = decode(new Uint8Array(MAX_RECORD_BYTES + 1).fill(32));
      assert.ok(tooLong.kind === 'unreadable' && tooLong.errors[0]?.rule === 'maxBytes');
    });
  });
}

const scaledAsText = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? formatScaled(value) : value;

test('an entity is written field by field as JSON.stringify would write it', () => {
  fc.assert(
    fc.property(anyAccountStateEntity, (entity) => {
      const written = new TextDecoder().decode(encodeAccountStateEntity(entity));
      assert.equal(written, JSON.stringify(entity, scaledAsText));
    }),
    { numRuns: 500 },
  );
});
