/** Values that have the right type, and that a fold, a key or a store behind the decoder could not take: refused by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decoded } from './decoded.ts';
import { decodeMarketEvent } from './market-event-codec.ts';
import { decodeTradingInput } from './trading-input-codec.ts';
import { decodeLedgerEntry, decodeOrderUpdate, decodeTradeExecuted } from './trading-output-codec.ts';

const ACCOUNT = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
const ORDER = '7d444840-9dc0-41d1-b245-5ffdce74fad3';
const TIME = '2019-02-11T14:30:00.000Z';
const MOST = '9223372036.854775807';

type Fields = Readonly<Record<string, unknown>>;

function bytes(eventType: string, payload: Fields, more: Fields = {}): Uint8Array {
  const envelope = {
    eventType,
    eventId: 'e1',
    cause: 'c1',
    eventTimestamp: TIME,
    ingestTimestamp: TIME,
    sourceService: 'another',
    schemaVersion: '1.0',
    sequence: 1,
    payload: { userId: ACCOUNT, orderId: ORDER, ...payload },
    ...more,
  };
  return new TextEncoder().encode(JSON.stringify(envelope));
}

/** The fields that are named, with their rules; none of a record that is read. */
function refusals(decoded: Decoded<unknown>): readonly string[] {
  return decoded.kind === 'decoded' ? [] : decoded.errors.map(({ field, rule }) => `${field} ${rule}`);
}

const what = { symbol: 'AAPL', side: 'BUY', type: 'MARKET', timeInForce: 'DAY' };

test('a step of an order says what the order is; what is no step says all of it or nothing', () => {
  const update = (payload: Fields) =>
    refusals(decodeOrderUpdate(bytes('OrderUpdate', { status: 'NEW', filledQuantity: '0', ...payload })));
  assert.deepEqual(update({ update: 'new', ...what }), []);
  const required = Object.keys(what).map((name) => `payload.${name} required`);
  assert.deepEqual(update({ update: 'new' }), required);
  assert.deepEqual(update({ update: 'cancel_rejected', ...what }), []);
  assert.deepEqual(update({ update: 'cancel_rejected' }), []);
  for (const name of Object.keys(what)) {
    assert.deepEqual(update({ update: 'new', ...what, [name]: null }), [`payload.${name} required`]);
    const others = required.filter((refusal) => refusal !== `payload.${name} required`);
    const one = { [name]: (what as Fields)[name] };
    assert.deepEqual(update({ update: 'duplicate_conflict', ...one }), others);
  }
});

test('what was executed has a quantity; what failed need not have one', () => {
  const trade = (payload: Fields) =>
    refusals(decodeTradeExecuted(bytes('TradeExecuted', { ...what, executionTimestamp: TIME, ...payload })));
  const executed = { status: 'EXECUTED', executionId: 'x', executionPrice: '1', fee: '0' };
  assert.deepEqual(trade({ ...executed, quantity: '0.000000001' }), []);
  assert.deepEqual(trade({ ...executed, quantity: '0' }), ['payload.quantity exclusiveMinimum']);
  assert.deepEqual(trade({ status: 'FAILED_OTHER', failureReason: 'no', quantity: '0' }), []);
});

test("what an entry does to its account's cash, and to its shares, fits a decimal", () => {
  const entry = (...postings: readonly (readonly [string, string, string])[]) =>
    refusals(
      decodeLedgerEntry(
        bytes('LedgerEntry', {
          kind: 'DEPOSIT',
          reference: 'r',
          cashAfter: '0',
          postings: postings.map(([account, asset, amount]) => ({ account, asset, amount })),
        }),
      ),
    );
  const out = `-${MOST}`;
  assert.deepEqual(entry([ACCOUNT, 'USD', MOST], ['outside', 'USD', out], ['venue', 'USD', out]), []);
  assert.deepEqual(entry([ACCOUNT, 'USD', MOST], [ACCOUNT, 'AAPL', MOST]), []);
  assert.deepEqual(entry([ACCOUNT, 'USD', MOST], [ACCOUNT, 'USD', '1']), ['payload.postings decimal_range']);
  assert.deepEqual(entry([ACCOUNT, 'AAPL', out], [ACCOUNT, 'MSFT', '-1']), [
    'payload.postings decimal_range',
  ]);
});

test('text has no zero character and no half of a pair, which keys and databases do not take', () => {
  const open = (name: string) => refusals(decodeTradingInput(bytes('OpenAccount', { name })));
  assert.deepEqual(open('Zoë 💰, "Ltd"'), []);
  for (const name of ['a\u0000b', '\u0000', 'a\ud800', '\udc00b'])
    assert.deepEqual(open(name), ['payload.name unicode']);
});

test('prices are numbered from 1: one that is not would make the batch unreadable that it came into', () => {
  const price = (sequence: number) =>
    refusals(
      decodeMarketEvent(
        bytes('MarketDataUpdated', { symbol: 'AAPL', price: '1', feedTimestamp: TIME }, { sequence }),
      ),
    );
  assert.deepEqual(price(1), []);
  assert.deepEqual(price(0), ['sequence minimum']);
});

test('an id is printable ASCII, so that it is as long in bytes as in characters', () => {
  const open = (eventId: string) =>
    refusals(decodeTradingInput(bytes('OpenAccount', { name: 'A' }, { eventId })));
  assert.deepEqual(open('a:b-1 ~'), []);
  assert.deepEqual(open('x'.repeat(201)), ['eventId maxLength']);
  for (const id of ['漢'.repeat(200), 'a\nb', 'é']) assert.deepEqual(open(id), ['eventId printable']);
  const price = (eventId: string) =>
    refusals(
      decodeMarketEvent(
        bytes('MarketDataUpdated', { symbol: 'AAPL', price: '1', feedTimestamp: TIME }, { eventId }),
      ),
    );
  assert.deepEqual(price('replay-1:AAPL:7'), []);
  assert.deepEqual(price('漢'), ['eventId printable']);
});
