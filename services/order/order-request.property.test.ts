import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import { readIdempotencyKey, readOrderRequest } from './order-request.ts';

const VALID = { symbol: 'AAPL', side: 'BUY', quantity: '1.5' };

function read(body: unknown) {
  const reader = new RequestReader();
  return { order: readOrderRequest(body, reader), result: reader.failed ? reader.problem() : null };
}

function rules(result: HttpResult | null): readonly string[] {
  assert(result?.kind === 'problem');
  return (result.problem.errors ?? []).map(({ field, rule }) => `${field} ${rule}`);
}

test('any body is either an order or a problem that names field and rule', () => {
  const field = fc.constantFrom(
    'symbol',
    'side',
    'quantity',
    'notional',
    'type',
    'timeInForce',
    'orderClass',
    'limitPrice',
    'stopPrice',
    'clientOrderId',
    'extendedHours',
    '__proto__',
    'constructor',
    'x',
  );
  const value = fc.oneof(
    fc.constantFrom(
      'AAPL',
      'buy',
      'LIMIT',
      'gtc',
      '1',
      '1.5',
      '0',
      '-1',
      '1e3',
      '9223372036.854775807',
      '99999999999',
    ),
    fc.anything(),
    fc.string({ unit: 'binary' }),
  );
  const almost = fc.dictionary(field, value).map((fields) => ({ ...VALID, ...fields }));
  fc.assert(
    fc.property(fc.oneof(fc.anything(), almost), (body) => {
      const { order, result } = read(body);
      if (order !== null) {
        assert.equal(result, null);
        assert.match(order.bodyDigest, /^[0-9a-f]{64}$/);
        return;
      }
      for (const error of rules(result)) assert.match(error, /^.+ .+$/s);
      assert.ok(rules(result).length > 0);
    }),
    { numRuns: 500 },
  );
});

test('enumerations are read in any case, and the digest is of what the order says', () => {
  const plain = read({ ...VALID, type: 'MARKET', timeInForce: 'DAY', orderClass: 'SIMPLE' }).order;
  const other = read({
    ...VALID,
    side: 'bUy',
    type: 'market',
    timeInForce: 'day',
    quantity: '1.50',
    extendedHours: false,
  });
  assert.equal(other.order?.bodyDigest, plain?.bodyDigest);
  assert.notEqual(read({ ...VALID, quantity: '1.51' }).order?.bodyDigest, plain?.bodyDigest);
  assert.notEqual(read({ ...VALID, clientOrderId: 'mine' }).order?.bodyDigest, plain?.bodyDigest);
});

test('what is not offered yet is refused by name', () => {
  for (const [field, value] of Object.entries({
    type: 'stop',
    timeInForce: 'IOC',
    orderClass: 'bracket',
    stopPrice: '1',
    takeProfit: {},
    extendedHours: true,
  })) {
    assert.ok(rules(read({ ...VALID, [field]: value }).result).includes(`${field} unsupported`), field);
  }
});

test('fields that exclude each other are refused', () => {
  assert.deepEqual(rules(read({ ...VALID, limitPrice: '1' }).result), ['limitPrice combination']);
  assert.deepEqual(rules(read({ ...VALID, notional: '1' }).result), ['notional combination']);
  assert.deepEqual(rules(read({ symbol: 'AAPL', side: 'BUY' }).result), ['quantity required']);
  assert.deepEqual(rules(read({ ...VALID, type: 'LIMIT' }).result), ['limitPrice required']);
  assert.deepEqual(
    rules(read({ symbol: 'A', side: 'BUY', type: 'LIMIT', limitPrice: '1', notional: '1' }).result),
    ['notional combination'],
  );
  assert.deepEqual(rules(read({ ...VALID, quantity: 1.5 }).result), ['quantity type']);
});

test('an idempotency key is 1 to 128 printable characters', () => {
  const rule = (key: string) => {
    const reader = new RequestReader();
    const read = readIdempotencyKey({ 'x-idempotency-key': key }, reader);
    return read === null ? rules(reader.problem())[0] : 'taken';
  };
  assert.equal(rule('k'.repeat(128)), 'taken');
  assert.equal(rule('k'.repeat(129)), 'x-idempotency-key maxLength');
  assert.equal(rule(''), 'x-idempotency-key minLength');
  assert.equal(rule('\u0007'), 'x-idempotency-key printable');
});
