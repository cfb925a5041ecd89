/** The core's rules by example, and the named scenarios that concern it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { entityKey } from '#domain/data/account-state-key.ts';
import { encodeAccountStateEntity } from '#domain/data/account-state-writer.ts';
import { formatScaled } from '#domain/data/decimal.ts';
import { MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import { eventIdOf } from '#domain/data/trading-events.ts';
import { DEFAULT_LIMITS } from './default-controls.ts';
import { applyInput, restorePartition, stateHash, takeChangedEntities } from './engine.ts';
import { accountId, filled, limit, market, money, orderId, quantity } from './fixtures/inputs.ts';

import { createWorld, fees, NINE_AM, told } from './fixtures/world.ts';

test('DAY orders expire at midnight UTC, by whatever input comes first; GTC orders stay', () => {
  const { inputs, apply, head } = createWorld();
  apply(
    inputs.submit(1, 1, 'BUY', limit('1', '9')),
    inputs.submit(1, 2, 'BUY', limit('1', '9'), { timeInForce: 'GTC' }),
  );
  inputs.at(NINE_AM + 15 * 3_600_000 - 1);
  assert.deepEqual(told(apply(inputs.deposit(1, '1'))), ['DEPOSIT']);
  inputs.at(NINE_AM + 15 * 3_600_000);
  assert.deepEqual(told(apply(inputs.deposit(1, '1'))), ['expired 0 (the trading day has ended)', 'DEPOSIT']);
  assert.equal(head().reserved, '9');
});

test('a DAY order does not end beyond the years that there are: its record could not be read again', () => {
  const { inputs, apply, state } = createWorld();
  inputs.at(MAX_TIMESTAMP_MS - 1);
  apply(inputs.batch(inputs.price('10')));
  assert.deepEqual(told(apply(inputs.submit(1, 1, 'BUY', limit('1', '9')))), ['new 0']);
  for (const change of takeChangedEntities(state)) {
    if (change.kind === 'removed_order') continue;
    assert.equal(decodeAccountStateEntity(encodeAccountStateEntity(change)).kind, 'decoded', change.kind);
  }
  inputs.at(MAX_TIMESTAMP_MS);
  assert.deepEqual(told(apply(inputs.deposit(1, '1'))), ['expired 0 (the trading day has ended)', 'DEPOSIT']);
});

test('fees: per share and of the notional, a minimum per order once over its fills, covered by the reservation', () => {
  const { inputs, apply, quote, head } = createWorld('103');
  apply(inputs.control(fees('0.01', '0.001', '0.5')));
  quote('9.99', '10', { askSize: quantity('2') });
  const denied = apply(inputs.submit(1, 1, 'BUY', market('10')));
  assert.deepEqual(
    told(denied),
    ['denied 0 (insufficient_funds)', 'FAILED_INSUFFICIENT_FUNDS'],
    '103 and the fee',
  );
  const first = apply(inputs.submit(1, 2, 'BUY', market('9')));
  assert.deepEqual(told(first), ['new 0', 'FILL', 'FEE', '2 @ 10 fee 0.5', 'partial_fill 2 at 10']);
  assert.equal(told(quote('9.99', '10', { askSize: quantity('6') }))[0], 'FILL');
  assert.equal(head().cash, '22.5', 'eight shares cost 0.16 in fees, less than the minimum');
  apply(inputs.control(fees('9', '0', '0')));
  assert.deepEqual(told(quote('9.99', '10'))[1], '1 @ 10 fee 0', 'the schedule is that of acceptance');
  assert.equal(head().reserved, '0');
});

test("a sale's fee never exceeds its proceeds; an account without cash can sell", () => {
  const { inputs, apply, quote, head } = createWorld('20.02');
  quote('9.99', '9.7');
  apply(inputs.batch(inputs.price('10')));
  apply(inputs.submit(1, 1, 'BUY', limit('2', '10.01')));
  apply(inputs.withdraw(1, '0.02'), inputs.control(fees('0', '0', '3')));
  apply(inputs.batch(inputs.price('1', { tradedSize: quantity('1') })));
  assert.equal(told(apply(inputs.submit(1, 2, 'SELL', market('2'))))[3], '1 @ 1 fee 1');
  apply(inputs.batch(inputs.price('5', { tradedSize: quantity('1') })));
  assert.equal(head().cash, '3', 'the other two of the minimum came out of the second fill');
});

test('a missing or old price refuses', () => {
  const { inputs, apply } = createWorld();
  assert.match(
    told(apply(inputs.submit(1, 1, 'BUY', market('1'), { symbol: 'MSFT' })))[0] ?? '',
    /price_missing/,
  );
  inputs.at(NINE_AM + 60_000);
  assert.match(told(apply(inputs.submit(1, 2, 'BUY', market('1'))))[0] ?? '', /^new/);
  inputs.at(NINE_AM + 60_001);
  assert.deepEqual(told(apply(inputs.submit(1, 3, 'BUY', market('1')))), [
    'denied 0 (price_too_old)',
    'FAILED_OTHER',
  ]);
});

test('the kill switch cancels what is open and denies what comes, of one account or of all, until it is released', () => {
  const { inputs, apply } = createWorld();
  const switched = (engaged: boolean, account: number | null) =>
    told(
      apply(
        inputs.control({
          kind: 'SetKillSwitch',
          engaged,
          accountId: account === null ? null : accountId(account),
        }),
      ),
    );
  const open = (account: number, order: number) =>
    apply(inputs.submit(account, order, 'BUY', limit('1', '9')));
  const denied = (account: number, order: number) =>
    /kill_switch/.test(told(apply(inputs.submit(account, order, 'BUY', market('1'))))[0] ?? '');
  apply(inputs.open(2), inputs.deposit(2, '100'));
  open(1, 2);
  open(2, 3);
  open(1, 1);
  const canceled = 'canceled 0 (kill_switch)';
  assert.deepEqual(switched(true, 1), ['HALTED', canceled, canceled]);
  assert.deepEqual(switched(true, 1), []);
  assert.deepEqual([denied(1, 4), denied(2, 5)], [true, false]);
  assert.deepEqual(told(apply(inputs.cancel(2, 3))), ['canceled 0 (requested)']);
  assert.deepEqual(switched(false, 1), ['RESUMED']);
  assert.deepEqual(switched(false, 1), []);
  open(1, 6);
  open(2, 7);
  assert.deepEqual(switched(true, null), [canceled, canceled]);
  assert.deepEqual([denied(1, 8), denied(2, 9)], [true, true]);
  switched(false, null);
  assert.deepEqual([denied(1, 10), denied(2, 11)], [false, false]);
});

test('reserved shares cannot be sold twice, reserved cash can be neither spent nor withdrawn', () => {
  const { inputs, apply } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', market('5')), inputs.submit(1, 2, 'SELL', limit('4', '20')));
  assert.deepEqual(told(apply(inputs.submit(1, 3, 'SELL', market('2')))), [
    'denied 0 (insufficient_shares)',
    'FAILED_INSUFFICIENT_SHARES',
  ]);
  apply(inputs.submit(1, 4, 'BUY', limit('90', '9.9')));
  assert.deepEqual(told(apply(inputs.withdraw(1, '60'))), ['WITHDRAWAL_DENIED']);
  apply(inputs.cancel(1, 4));
  assert.deepEqual(told(apply(inputs.withdraw(1, '60'))), ['WITHDRAWAL']);
});

test('a cancel of an unknown, a foreign or an ended order is rejected', () => {
  const { inputs, apply } = createWorld();
  apply(inputs.open(2), inputs.submit(1, 1, 'BUY', limit('1', '9')), inputs.submit(1, 2, 'BUY', market('1')));
  assert.deepEqual(told(apply(inputs.cancel(1, 9))), ['cancel_rejected 0 (unknown_order)']);
  assert.deepEqual(told(apply(inputs.cancel(2, 1))), ['cancel_rejected 0 (unknown_order)']);
  assert.deepEqual(told(apply(inputs.cancel(1, 2))), ['cancel_rejected 1 (order_closed)']);
});

test('an unknown account is denied with sequence 0 and leaves other sequences alone', () => {
  const { inputs, apply } = createWorld();
  const outputs = apply(inputs.submit(7, 1, 'BUY', market('1')), inputs.deposit(7, '5'), inputs.cancel(7, 1));
  assert.deepEqual(told(outputs), [
    'denied 0 (unknown_account)',
    'FAILED_OTHER',
    'DEPOSIT_DENIED',
    'cancel_rejected 0 (order_closed)',
  ]);
  assert.deepEqual(
    outputs.map((output) => output.sequence),
    [0, 0, 0, 0],
  );
  assert.equal(new Set(outputs.map(eventIdOf)).size, 4);
});

test('twenty blind retries of an order place one order; another body is a conflict', () => {
  const { inputs, apply, head } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', market('1')), inputs.submit(1, 2, 'BUY', limit('1', '9')));
  for (let retry = 0; retry < 20; retry += 1) {
    assert.deepEqual(
      apply(inputs.submit(1, 1, 'BUY', market('1')), inputs.submit(1, 2, 'BUY', limit('1', '9'))),
      [],
    );
  }
  const other = { digest: 'another' };
  assert.deepEqual(told(apply(inputs.submit(1, 1, 'BUY', market('2'), other))), [
    'duplicate_conflict 1 (duplicate_conflict)',
  ]);
  assert.deepEqual(told(apply(inputs.submit(1, 2, 'BUY', market('2'), other))), [
    'duplicate_conflict 0 (duplicate_conflict)',
  ]);
  assert.equal(head().shares, '1');
});

test('an account command is answered once; its id with another body is denied; opening is once per account', () => {
  const { inputs, apply, head } = createWorld();
  const deposit = inputs.deposit(1, '5');
  assert.deepEqual(told(apply(deposit, deposit, { ...deposit, amount: money('6') })), [
    'DEPOSIT',
    'DEPOSIT_DENIED',
  ]);
  assert.deepEqual(apply(inputs.open(1)), []);
  assert.equal(head().cash, '1005');
});

test('a feed that repeats or goes backwards changes nothing and fills nothing', () => {
  const { state, inputs, apply } = createWorld();
  const fresh = inputs.batch(inputs.price('10'));
  const stale = inputs.batch({ ...inputs.price('1'), sequence: 1 });
  apply(fresh, inputs.submit(1, 1, 'BUY', limit('1', '9')));
  const before = stateHash(state);
  assert.deepEqual(apply(fresh, stale), []);
  assert.equal(stateHash(state), before);
});

test('a price that jumps 30 % cancels the market buy beyond its collar and fills the limit sale at the new bid', () => {
  const { inputs, apply, quote } = createWorld();
  quote('9.99', '10', { askSize: quantity('2') });
  apply(
    inputs.submit(1, 1, 'BUY', market('2')),
    inputs.submit(1, 2, 'SELL', limit('1', '11')),
    inputs.submit(1, 3, 'BUY', market('1')),
  );
  assert.deepEqual(told(quote('13', '13.01')), [
    'FILL',
    '1 @ 13 fee 0',
    'fill 1 at 13',
    'canceled 0 (collar)',
  ]);
});

test('an outside fill settles later: its amounts wait in clearing', () => {
  const { state, inputs, apply, head } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', limit('10', '9')));
  const outputs = apply(inputs.venue(1, 1, 1, filled('x1', '4', '8.5')));
  assert.deepEqual(told(outputs), ['FILL', '4 @ 8.5 fee 0', 'partial_fill 4 at 8.5']);
  assert.equal(formatScaled(state.cashBook.clearing), '34');
  assert.deepEqual(head(), { cash: '966', reserved: '54', shares: '4', basis: '34', realised: '0' });
});

test('duplicate fills and their replay change nothing', () => {
  const { inputs, apply, head } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', limit('10', '9')));
  const fill = inputs.venue(1, 1, 5, filled('x1', '4', '8.5'));
  apply(fill);
  assert.deepEqual(apply(fill, inputs.venue(1, 1, 4, filled('x0', '1', '8.5'))), []);
  assert.equal(head().shares, '4');
});

test('a cancel races a fill: what comes after the end is said and moves nothing', () => {
  const { inputs, apply, head } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', limit('10', '9')), inputs.cancel(1, 1));
  const late = apply(inputs.venue(1, 1, 1, filled('x1', '4', '8.5')));
  assert.deepEqual(told(late), ['venue_event_ignored 0 (order_closed)']);
  assert.deepEqual(told(apply(inputs.venue(1, 9, 2, { kind: 'Rejected', reason: 'no' }))), [
    'venue_event_ignored 0 (unknown_order)',
  ]);
  assert.equal(head().cash, '1000');
});

test('an outside fill that the order or the account cannot bear is said and moves nothing', () => {
  const { inputs, apply, head } = createWorld('90');
  apply(inputs.submit(1, 1, 'BUY', limit('10', '9')));
  assert.deepEqual(told(apply(inputs.venue(1, 1, 1, filled('x1', '11', '8')))), [
    'venue_event_ignored 0 (fill_exceeds_order)',
  ]);
  assert.deepEqual(told(apply(inputs.venue(1, 1, 2, filled('x2', '10', '9.1')))), [
    'venue_event_ignored 0 (reservation_used_up)',
  ]);
  assert.deepEqual(told(apply(inputs.venue(1, 1, 3, { kind: 'Rejected', reason: 'halted' }))), [
    'rejected 0 (halted)',
  ]);
  assert.deepEqual(head(), { cash: '90', reserved: '0', shares: '0', basis: '0', realised: '0' });
});

test('what does not fit 64 bits is denied, never wrapped', () => {
  const { inputs, apply } = createWorld('9000000000');
  assert.deepEqual(told(apply(inputs.deposit(1, '300000000'))), ['DEPOSIT_DENIED']);
  const limits = {
    ...DEFAULT_LIMITS,
    maxOrderNotional: money('9000000000'),
    maxOrderQuantity: quantity('9000000000'),
  };
  apply(inputs.control({ kind: 'SetLimits', limits }));
  assert.deepEqual(told(apply(inputs.submit(1, 1, 'BUY', market('9000000000')))), [
    'denied 0 (overflow)',
    'FAILED_OTHER',
  ]);
});

test('states with other limits have other hashes, whichever limit it is', () => {
  const { state, inputs, apply } = createWorld();
  const hashes = new Set([stateHash(state)]);
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    const more = typeof value === 'bigint' ? value + 1n : value + 1;
    apply(inputs.control({ kind: 'SetLimits', limits: { ...DEFAULT_LIMITS, [name]: more } }));
    hashes.add(stateHash(state));
  }
  assert.equal(hashes.size, 1 + Object.keys(DEFAULT_LIMITS).length);
});

test('warm restart: a live position is neither flattened nor doubled, and its order goes on', () => {
  const { state, inputs, apply } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', market('5')), inputs.submit(1, 2, 'SELL', limit('5', '11')));
  const entities = takeChangedEntities(state).filter((change) => change.kind !== 'removed_order');
  assert.equal(entities.at(-1)?.kind, 'account', 'account heads come last');
  const restarted = restorePartition(0, entities);
  assert.equal(stateHash(restarted), stateHash(state));
  const batch = inputs.batch(inputs.price('12'));
  assert.deepEqual(applyInput(restarted, batch), apply(batch));
  assert.equal(stateHash(restarted), stateHash(state));
  assert.deepEqual(
    applyInput(restarted, inputs.submit(1, 1, 'BUY', market('5'))),
    [],
    'a retry after the restart',
  );
});

test('an open order that is gone leaves a tombstone; one that came and went leaves nothing', () => {
  const { state, inputs, apply } = createWorld();
  apply(inputs.submit(1, 1, 'BUY', limit('1', '9')));
  takeChangedEntities(state);
  apply(inputs.submit(1, 2, 'BUY', limit('1', '9')), inputs.cancel(1, 2), inputs.cancel(1, 1));
  const orders = takeChangedEntities(state).filter(
    ({ kind }) => kind === 'order' || kind === 'removed_order',
  );
  assert.deepEqual(orders, [{ kind: 'removed_order', accountId: accountId(1), orderId: orderId(1) }]);
  assert.deepEqual(orders.map(entityKey), [`order/${accountId(1)}/${orderId(1)}`]);
});

test('the last 50,000 closed orders are remembered, and the same ones after a restore', () => {
  const { state, inputs } = createWorld();
  const entities = new Map();
  const take = () => {
    for (const change of takeChangedEntities(state)) entities.set(entityKey(change), change);
  };
  for (let number = 1; number <= 50_003; number += 1) {
    applyInput(state, inputs.submit(1, number, 'SELL', market('1')));
    if (number === 20_000) take();
  }
  take();
  const restored = restorePartition(0, entities.values());
  assert.equal(stateHash(restored), stateHash(state));
  for (const one of [state, restored]) {
    assert.equal(
      applyInput(one, inputs.submit(1, 4, 'SELL', market('1'))).length,
      0,
      'the oldest that is known',
    );
    assert.equal(
      applyInput(one, inputs.submit(1, 3, 'SELL', market('1'))).length,
      2,
      'forgotten: denied anew',
    );
  }
});
