/** How orders meet the feed venue, by example. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatScaled } from '#domain/data/decimal.ts';
import { postingsOf } from '#domain/data/trading-events.ts';
import { accountId, limit, market, notional, orderId, price, quantity } from './fixtures/inputs.ts';

import { createWorld, NINE_AM, told } from './fixtures/world.ts';

test('a market buy pays the ask, in a balanced entry through clearing, and names the price it used', () => {
  const { inputs, apply, head } = createWorld();
  const outputs = apply(inputs.submit(1, 1, 'BUY', market('10')));
  assert.deepEqual(told(outputs), ['new 0', 'FILL', '10 @ 10.01 fee 0', 'fill 10 at 10.01']);
  assert.deepEqual(head(), { cash: '899.9', reserved: '0', shares: '10', basis: '100.1', realised: '0' });
  const [, entry, trade] = outputs;
  assert.ok(entry?.type === 'LedgerEntry' && trade?.type === 'TradeExecuted');
  assert.deepEqual(
    postingsOf(entry).map(({ account, asset, amount }) => `${account} ${asset} ${formatScaled(amount)}`),
    [
      `${accountId(1)} USD -100.1`,
      'clearing USD 100.1',
      'clearing USD -100.1',
      'venue USD 100.1',
      `${accountId(1)} AAPL 10`,
      'clearing AAPL -10',
      'clearing AAPL 10',
      'venue AAPL -10',
    ],
  );
  assert.deepEqual(trade.outcome, {
    status: 'EXECUTED',
    executionId: `${orderId(1)}-1`,
    executionPrice: price('10.01'),
    fee: 0n,
    priceEventId: 'e1',
    priceTimestampMs: NINE_AM,
  });
});

test('a sale takes its share of the cost basis and books the rest as profit', () => {
  const { inputs, apply, quote, head } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', market('3')));
  quote('12', '12.02');
  apply(inputs.submit(1, 2, 'SELL', market('1')));
  assert.deepEqual(head(), { cash: '981.97', reserved: '0', shares: '2', basis: '20.02', realised: '1.99' });
  apply(inputs.submit(1, 3, 'SELL', market('2')));
  assert.deepEqual(head(), { cash: '1005.97', reserved: '0', shares: '0', basis: '0', realised: '5.97' });
});

test('a notional becomes shares at the reference price, rounded down', () => {
  const { inputs, apply } = createWorld();
  const outputs = apply(inputs.submit(1, 1, 'BUY', notional('100')));
  assert.deepEqual(told(outputs).slice(2), ['9.99000999 @ 10.01 fee 0', 'fill 9.99000999 at 10.01']);
});

test('without a quote a market order meets the last trade; a crossed quote is no quote', () => {
  const { inputs, apply, quote } = createWorld();
  apply(inputs.batch(inputs.price('10.5')));
  assert.equal(told(apply(inputs.submit(1, 1, 'BUY', market('1'))))[2], '1 @ 10.5 fee 0');
  quote('11', '9', { price: price('10.2'), low: price('10.2'), high: price('10.2') });
  assert.equal(told(apply(inputs.submit(1, 2, 'BUY', market('1'))))[2], '1 @ 10.2 fee 0');
  assert.equal(told(apply(inputs.submit(1, 3, 'SELL', market('1'))))[2], '1 @ 10.2 fee 0');
});

test('the size on offer limits each account by itself, per batch; the rest rests and goes on', () => {
  const { inputs, apply, quote } = createWorld();
  apply(inputs.open(2), inputs.deposit(2, '1000'));
  quote('9.99', '10', { askSize: quantity('4') });
  assert.deepEqual(told(apply(inputs.submit(1, 1, 'BUY', market('6')))), [
    'new 0',
    'FILL',
    '4 @ 10 fee 0',
    'partial_fill 4 at 10',
  ]);
  assert.deepEqual(
    told(apply(inputs.submit(1, 2, 'BUY', market('1')))),
    ['new 0'],
    'this account has taken all of it',
  );
  assert.equal(told(apply(inputs.submit(2, 3, 'BUY', market('4'))))[2], '4 @ 10 fee 0', 'another has not');
  const next = quote('10', '10.1', { askSize: quantity('2.5') });
  assert.deepEqual(told(next), [
    'FILL',
    '2 @ 10.1 fee 0',
    'fill 6 at 10.033333333',
    'FILL',
    '0.5 @ 10.1 fee 0',
    'partial_fill 0.5 at 10.1',
  ]);
});

test('a market buy never pays more than its collar: what is left is canceled, with the reason', () => {
  const { inputs, apply, quote, head } = createWorld();
  quote('9.99', '10', { askSize: quantity('4') });
  apply(inputs.submit(1, 1, 'BUY', market('6')));
  assert.equal(head().reserved, '20.6', 'two shares at 10.30');
  quote('10.2', '10.3', { askSize: quantity('1') });
  assert.equal(head().reserved, '10.3');
  assert.deepEqual(told(quote('10.2', '10.300000001')), ['canceled 5 at 10.06 (collar)']);
  assert.deepEqual(head(), { cash: '949.7', reserved: '0', shares: '5', basis: '50.3', realised: '0' });
});

test('a limit buy fills at the better ask, or at its limit when trading went through it', () => {
  const { inputs, apply, quote, head } = createWorld();
  assert.equal(told(apply(inputs.submit(1, 1, 'BUY', limit('1', '11'))))[2], '1 @ 10.01 fee 0');
  apply(inputs.submit(1, 2, 'BUY', limit('1', '9.5')));
  assert.equal(head().reserved, '9.5');
  assert.deepEqual(told(quote('9.6', '9.7', { low: price('9.5') })), [], 'touched is not gone through');
  assert.equal(told(quote('9.6', '9.7', { low: price('9.49') }))[1], '1 @ 9.5 fee 0');
  apply(inputs.submit(1, 3, 'BUY', limit('1', '9.6')));
  assert.equal(told(quote('9.4', '9.45'))[1], '1 @ 9.45 fee 0', 'the ask is better than the limit');
});

test('a range traded before an order came does not fill it', () => {
  const { inputs, apply, quote } = createWorld();
  quote('10', '10.02', { low: price('9'), high: price('11') });
  assert.deepEqual(told(apply(inputs.submit(1, 1, 'BUY', limit('1', '9.5')))), ['new 0']);
});

test('a limit sale fills at the better bid, or at its limit when trading went through it', () => {
  const { inputs, apply, quote } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', market('3')));
  assert.equal(told(apply(inputs.submit(1, 2, 'SELL', limit('1', '9'))))[2], '1 @ 9.99 fee 0');
  apply(inputs.submit(1, 3, 'SELL', limit('1', '10.5')));
  assert.equal(told(quote('10.2', '10.3', { high: price('10.51') }))[1], '1 @ 10.5 fee 0');
});

test('resting orders meet a batch in order of acceptance, whatever their limits', () => {
  const { inputs, apply, quote } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', limit('1', '9')), inputs.submit(1, 2, 'BUY', limit('1', '9.5')));
  const outputs = quote('8.8', '8.9');
  const ids = outputs.flatMap((output) => (output.type === 'TradeExecuted' ? [output.orderId] : []));
  assert.deepEqual(ids, [orderId(1), orderId(2)]);
});
