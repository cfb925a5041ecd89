/** An account's breaker by example; the property tests compare it with the naive ledger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Money } from '#domain/data/decimal.ts';
import { MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import type { LedgerEntry, TradingOutput } from '#domain/data/trading-events.ts';
import type { BreakerChange } from '#domain/data/trading-inputs.ts';
import { DEFAULT_LIMITS } from './default-controls.ts';
import { applyInput, restorePartition, stateHash, takeChangedEntities } from './engine.ts';
import { accountId, filled, limit, market, money, ticker } from './fixtures/inputs.ts';
import { createWorld, fees, NINE_AM, told } from './fixtures/world.ts';

const QUIET_MS = 60_000;
const HOUR_MS = 3_600_000;
const MOST = (2n ** 63n - 1n) as Money;

/** Account 1 may lose ten a day, and is quiet for a minute. */
function createWorldWithBreaker() {
  const world = createWorld();
  const { inputs, apply, state: partition } = world;
  const limits = { ...DEFAULT_LIMITS, maxPriceAgeMs: 100 * HOUR_MS, maxDailyLoss: money('10') };
  apply(inputs.control({ kind: 'SetLimits', limits: { ...limits, breakerQuietPeriodMs: QUIET_MS } }));
  let orders = 0;
  const order = (side: 'BUY' | 'SELL', terms: ReturnType<typeof market>) => {
    orders += 1;
    return told(apply(inputs.submit(1, orders, side, terms)));
  };
  const by = (action: BreakerChange['action'], reason = 'so', account = 1) =>
    apply(inputs.control({ kind: 'SetBreaker', accountId: accountId(account), action, reason }));
  const state = () => partition.accounts.get(accountId(1))?.breaker.state;
  const quoteAt = (price: string) => apply(inputs.batch(inputs.price(price)));
  /** Buys ten shares at 10 and sells them again at `price`. */
  const roundTrip = (price: string) => {
    quoteAt('10');
    order('BUY', market('10'));
    quoteAt(price);
    return order('SELL', market('10'));
  };
  return { inputs, apply, partition, order, by, state, quoteAt, roundTrip };
}

const notes = (outputs: readonly TradingOutput[]) =>
  outputs.filter((output): output is LedgerEntry => output.type === 'LedgerEntry').map(({ note }) => note);

test('a day that has lost more than the limit trips the breaker: buys are canceled and denied, sales go on', () => {
  const { apply, inputs, order, quoteAt, state } = createWorldWithBreaker();
  quoteAt('10');
  order('BUY', market('30'));
  order('BUY', limit('1', '2'));
  order('SELL', limit('1', '90'));
  quoteAt('9');
  assert.equal(order('SELL', market('10')).at(-1), 'fill 10 at 9');
  assert.equal(state(), 'OPEN', 'ten lost are not more than ten');
  const outputs = apply(inputs.submit(1, 99, 'SELL', market('1')));
  assert.deepEqual(told(outputs).slice(-3), ['fill 1 at 9', 'BREAKER_TRIPPED', 'canceled 0 (breaker)']);
  assert.deepEqual(notes(outputs).at(-1), 'daily_loss: lost 11, 10 at most in a day');
  assert.equal(state(), 'TRIPPED');
  assert.deepEqual(order('BUY', market('1')), ['denied 0 (breaker)', 'FAILED_OTHER']);
  assert.equal(order('SELL', market('10')).at(-1), 'fill 10 at 9', 'and it is not tripped twice');
  assert.equal(
    told(apply(inputs.batch(inputs.price('95')))).at(-1),
    'fill 1 at 95',
    'the open sale has stayed',
  );
  assert.deepEqual(told(apply(inputs.withdraw(1, '1'))), ['WITHDRAWAL']);
});

test('fees count, gains of the same day set off, and the next day begins at nothing', () => {
  const { inputs, apply, roundTrip, state } = createWorldWithBreaker();
  roundTrip('11');
  roundTrip('8');
  assert.equal(state(), 'OPEN', 'ten won and twenty lost');
  inputs.at(NINE_AM + 15 * HOUR_MS);
  roundTrip('9');
  assert.equal(state(), 'OPEN', 'ten lost on the next day');
  apply(inputs.control(fees('0', '0', '0.01')));
  roundTrip('10');
  assert.equal(state(), 'TRIPPED', 'and a fee');
});

test('it is the end of an input that counts: what the same prices have won back does not trip', () => {
  const { inputs, apply, state } = createWorldWithBreaker();
  const batch = (apple: string, microsoft: string) =>
    apply(inputs.batch(inputs.price(apple), { ...inputs.price(microsoft), symbol: ticker('MSFT') }));
  const rest = (order: number) => {
    batch('12', '10');
    apply(inputs.submit(1, order, 'BUY', market('10')));
    apply(inputs.submit(1, order + 1, 'BUY', market('10'), { symbol: 'MSFT' }));
    batch('9', '10');
    apply(inputs.submit(1, order + 2, 'SELL', limit('10', '10')));
    apply(inputs.submit(1, order + 3, 'SELL', limit('10', '20'), { symbol: 'MSFT' }));
  };
  rest(1);
  assert.equal(batch('10', '20').length > 2, true);
  assert.equal(state(), 'OPEN', 'twenty lost, then a hundred won');
  inputs.at(NINE_AM + 15 * HOUR_MS);
  rest(11);
  batch('10', '19');
  assert.equal(state(), 'TRIPPED', 'twenty lost');
});

test('the fee of a buy counts by itself, and so does that of a sale', () => {
  for (const side of ['BUY', 'SELL'] as const) {
    const { inputs, apply, order, quoteAt, state } = createWorldWithBreaker();
    quoteAt('10');
    if (side === 'SELL') order('BUY', market('1'));
    apply(inputs.control(fees('0', '0', '10.01')));
    quoteAt('20');
    order(side, market('1'));
    assert.equal(state(), side === 'BUY' ? 'TRIPPED' : 'OPEN', 'ten won on the sale');
    if (side === 'SELL') apply(inputs.submit(1, 60, 'BUY', market('1')));
    assert.equal(state(), 'TRIPPED');
  }
});

test("another venue's fills count, buys and sales", () => {
  const { inputs, apply, quoteAt, state } = createWorldWithBreaker();
  quoteAt('10');
  apply(inputs.submit(1, 1, 'BUY', limit('10', '9')));
  apply(inputs.venue(1, 1, 1, filled('x1', '10', '9')));
  apply(inputs.submit(1, 2, 'SELL', limit('10', '11')));
  const outputs = apply(inputs.venue(1, 2, 2, filled('x2', '9', '7')));
  assert.equal(told(outputs).at(-1), 'BREAKER_TRIPPED', 'eighteen lost');
  assert.equal(told(apply(inputs.venue(1, 2, 3, filled('x3', '1', '7')))).at(-1), 'fill 10 at 7');
  const other = createWorldWithBreaker();
  other.quoteAt('10');
  other.apply(other.inputs.control(fees('0', '0', '11')));
  other.apply(other.inputs.submit(1, 1, 'BUY', limit('1', '9')));
  other.apply(other.inputs.venue(1, 1, 1, filled('x1', '1', '9')));
  assert.deepEqual([state(), other.state()], ['TRIPPED', 'TRIPPED']);
});

test('all that one batch of prices makes lose trip, each with its own buys, in the order of their losses', () => {
  const { inputs, apply, quoteAt } = createWorldWithBreaker();
  quoteAt('12');
  for (const account of [3, 2]) {
    apply(inputs.open(account), inputs.deposit(account, '1000'));
    apply(inputs.submit(account, account * 10, 'BUY', market('10')));
  }
  quoteAt('9');
  for (const account of [3, 2]) {
    apply(inputs.submit(account, account * 10 + 1, 'SELL', limit('10', '10')));
    apply(inputs.submit(account, account * 10 + 2, 'BUY', limit('1', '2')));
  }
  apply(inputs.submit(1, 5, 'BUY', limit('1', '2')));
  const outputs = quoteAt('10').filter(({ accountId: id }) => id !== accountId(1));
  const ends = outputs.slice(-4);
  const canceled = 'canceled 0 (breaker)';
  assert.deepEqual(told(ends), ['BREAKER_TRIPPED', canceled, 'BREAKER_TRIPPED', canceled]);
  assert.deepEqual(
    ends.map((output) => output.accountId),
    [accountId(3), accountId(3), accountId(2), accountId(2)],
  );
  assert.equal(told(apply(inputs.cancel(1, 5)))[0], 'canceled 0 (requested)', 'the order of another stays');
});

test('quiet periods that overlap end each at its own time, and of one moment in the order of account ids', () => {
  const { inputs, apply, by } = createWorldWithBreaker();
  for (const account of [3, 2]) apply(inputs.open(account));
  const quiet = (account: number, atMs: number) => {
    inputs.at(atMs);
    by('TRIP', 'so', account);
    by('RESET', 'so', account);
  };
  quiet(1, NINE_AM);
  quiet(3, NINE_AM + 1_000);
  quiet(2, NINE_AM + 1_000);
  const openedAt = (ms: number) => {
    inputs.at(ms);
    return apply(inputs.batch(inputs.price('10'))).map((output) => output.accountId);
  };
  assert.deepEqual(openedAt(NINE_AM + QUIET_MS), [accountId(1)]);
  assert.deepEqual(openedAt(NINE_AM + QUIET_MS + 999), []);
  assert.deepEqual(openedAt(NINE_AM + QUIET_MS + 1_000), [accountId(2), accountId(3)]);
});

test('a loss that no 64 bits hold is the largest there is, not a gain', () => {
  const { inputs, apply, state } = createWorldWithBreaker();
  const limits = {
    ...DEFAULT_LIMITS,
    maxOrderNotional: MOST,
    maxDailyLoss: MOST,
  };
  apply(inputs.control({ kind: 'SetLimits', limits }));
  // Of one symbol the position's own profit would not fit.
  for (const [order, name] of [
    [10, 'AAPL'],
    [20, 'MSFT'],
  ] as const) {
    const symbol = ticker(name);
    apply(inputs.deposit(1, '7000000000'), inputs.batch({ ...inputs.price('7000000000'), symbol }));
    apply(inputs.submit(1, order, 'BUY', limit('1', '7000000000'), { symbol }));
    assert.equal(state(), 'OPEN');
    apply(inputs.batch({ ...inputs.price('1'), symbol }));
    apply(inputs.submit(1, order + 1, 'SELL', market('1'), { symbol }));
  }
  assert.equal(state(), 'TRIPPED');
});

test('a gain that no 64 bits hold is the largest there is, and is not taken for a loss', () => {
  const { inputs, apply, partition, state } = createWorldWithBreaker();
  apply(inputs.control({ kind: 'SetLimits', limits: { ...DEFAULT_LIMITS, maxOrderNotional: MOST } }));
  for (const [order, name] of [
    [10, 'AAPL'],
    [20, 'MSFT'],
  ] as const) {
    const symbol = ticker(name);
    apply(inputs.batch({ ...inputs.price('1'), symbol }));
    apply(inputs.submit(1, order, 'BUY', limit('1', '1'), { symbol }));
    apply(inputs.batch({ ...inputs.price('7000000000'), symbol }));
    apply(inputs.submit(1, order + 1, 'SELL', market('1'), { symbol }));
    apply(inputs.withdraw(1, '6999999999'));
  }
  assert.deepEqual([partition.accounts.get(accountId(1))?.dayResult, state()], [MOST, 'OPEN']);
});

test('at midnight orders end before quiet periods do', () => {
  const { inputs, apply, by } = createWorldWithBreaker();
  const midnightMs = NINE_AM + 15 * HOUR_MS;
  apply(inputs.open(2), inputs.deposit(2, '100'), inputs.submit(2, 1, 'BUY', limit('1', '2')));
  by('TRIP');
  inputs.at(midnightMs - QUIET_MS);
  by('RESET');
  inputs.at(midnightMs);
  assert.deepEqual(told(apply(inputs.deposit(1, '1'))), [
    'expired 0 (the trading day has ended)',
    'BREAKER_OPENED',
    'DEPOSIT',
  ]);
});

test('a kill switch is said before a breaker', () => {
  const { inputs, apply, order, by } = createWorldWithBreaker();
  by('TRIP');
  apply(inputs.control({ kind: 'SetKillSwitch', engaged: true, accountId: accountId(1) }));
  assert.deepEqual(order('BUY', market('1')), ['denied 0 (kill_switch)', 'FAILED_OTHER']);
});

test('a quiet period does not end beyond the years that there are', () => {
  const { inputs, apply, by, partition } = createWorldWithBreaker();
  by('TRIP');
  inputs.at(MAX_TIMESTAMP_MS - 1);
  by('RESET');
  assert.deepEqual(partition.accounts.get(accountId(1))?.breaker, {
    state: 'QUIET_PERIOD',
    untilMs: MAX_TIMESTAMP_MS,
  });
  inputs.at(MAX_TIMESTAMP_MS);
  assert.equal(told(apply(inputs.deposit(1, '1')))[0], 'BREAKER_OPENED');
});

test('a reset begins a quiet period, in which the account only sells, and market time opens the breaker', () => {
  const { inputs, apply, order, by, roundTrip, state } = createWorldWithBreaker();
  assert.deepEqual(by('RESET'), [], 'what is open needs no reset');
  roundTrip('8');
  assert.deepEqual(by('TRIP'), [], 'it has tripped already');
  const reset = by('RESET', 'Ada looked into it');
  assert.deepEqual([told(reset), notes(reset)], [['BREAKER_RESET'], ['operator: Ada looked into it']]);
  assert.equal(state(), 'QUIET_PERIOD');
  assert.deepEqual(by('RESET'), []);
  inputs.at(NINE_AM + QUIET_MS - 1);
  assert.deepEqual(order('BUY', market('1')), ['denied 0 (breaker)', 'FAILED_OTHER']);
  inputs.at(NINE_AM + QUIET_MS);
  const opened = apply(inputs.deposit(1, '1'));
  assert.deepEqual(told(opened), ['BREAKER_OPENED', 'DEPOSIT']);
  assert.deepEqual(notes(opened)[0], 'quiet_period: it is over');
  roundTrip('9');
  assert.equal(state(), 'OPEN', 'since the reset ten are lost');
});

test('in the quiet period it trips again, by losses and by hand, and then does not open by itself', () => {
  const { inputs, apply, order, by, quoteAt, state } = createWorldWithBreaker();
  quoteAt('10');
  order('BUY', market('20'));
  const tripped = by('TRIP', 'fat fingers');
  assert.deepEqual([told(tripped), notes(tripped)], [['BREAKER_TRIPPED'], ['operator: fat fingers']]);
  by('RESET');
  quoteAt('5');
  assert.ok(order('SELL', market('10')).includes('BREAKER_TRIPPED'));
  by('RESET');
  by('TRIP');
  inputs.at(NINE_AM + 2 * QUIET_MS);
  assert.deepEqual(told(apply(inputs.deposit(1, '1'))), ['DEPOSIT']);
  assert.equal(state(), 'TRIPPED');
});

test('one account alone, and nothing of an account that nobody has opened', () => {
  const { inputs, apply, by } = createWorldWithBreaker();
  apply(inputs.open(2), inputs.deposit(2, '100'));
  apply(inputs.submit(2, 50, 'BUY', limit('1', '2')));
  assert.deepEqual(by('TRIP', 'so', 3), []);
  assert.deepEqual(told(by('TRIP')), ['BREAKER_TRIPPED']);
  assert.equal(told(apply(inputs.submit(2, 51, 'BUY', market('1')))).at(-1), 'fill 1 at 10.01');
});

test('after a restart a quiet period ends when it would have ended', () => {
  const { partition, inputs, apply, by } = createWorldWithBreaker();
  by('TRIP');
  by('RESET');
  apply(inputs.open(2));
  inputs.at(NINE_AM + 1);
  by('TRIP', 'so', 2);
  by('RESET', 'so', 2);
  const entities = takeChangedEntities(partition).filter((change) => change.kind !== 'removed_order');
  const restarted = restorePartition(0, entities);
  assert.equal(stateHash(restarted), stateHash(partition));
  assert.equal(restarted.nextQuietEndMs, NINE_AM + QUIET_MS);
  inputs.at(NINE_AM + QUIET_MS);
  const deposit = inputs.deposit(1, '1');
  assert.deepEqual(applyInput(restarted, deposit), apply(deposit));
});
