/** That risk cannot be skipped, and which reason an order is denied for when there are several. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenOrderEntity, OrderIntent, OrderProgress } from '#domain/data/account-state.ts';
import { DEFAULT_LIMITS } from './default-controls.ts';
import { applyInput, createPartition } from './engine.ts';
import {
  accountId,
  createInputs,
  limit,
  market,
  money,
  notional,
  price,
  quantity,
} from './fixtures/inputs.ts';
import { DENIAL_PRECEDENCE, type DenialCode, type ProposedOrder } from './risk.ts';
import { placeOrder } from './settlement.ts';
import type { Step } from './step.ts';

/** Never run: that it compiles is the test. */
export function doesNotCompile(step: Step, proposal: ProposedOrder, order: OpenOrderEntity): void {
  // @ts-expect-error an order that risk has not approved cannot be placed // house: allow silenced — that it does not compile is the test
  placeOrder(step, proposal);
  // @ts-expect-error an open order is no approval either // house: allow silenced — that it does not compile is the test
  placeOrder(step, order);
  // @ts-expect-error a sale holds no cash // house: allow silenced — that it does not compile is the test
  const sale: OrderIntent = { side: 'SELL', type: 'MARKET', reservedCash: money('1') };
  const reservedCash = money('1');
  // @ts-expect-error a market order has no limit // house: allow silenced — that it does not compile is the test
  const noLimit: OrderIntent = { side: 'BUY', type: 'MARKET', limitPrice: price('1'), reservedCash };
  // @ts-expect-error an unfilled order has no fills // house: allow silenced — that it does not compile is the test
  const progress: OrderProgress = { kind: 'unfilled', filledQuantity: quantity('1') };
  // @ts-expect-error money is no quantity // house: allow silenced — that it does not compile is the test
  const shares: typeof order.quantity = money('1');
  void [sale, noLimit, progress, shares];
}

/** Each world breaks one more rule than the one below it in the list of precedence. */
test('an order that breaks several rules is denied for the first of them', () => {
  const denialOf = (broken: ReadonlySet<DenialCode>, side: 'BUY' | 'SELL', byNotional: boolean) => {
    const state = createPartition(0);
    const inputs = createInputs();
    const has = (code: DenialCode) => broken.has(code);
    inputs.at(1_000);
    if (!has('unknown_account')) applyInput(state, inputs.open(1));
    const tight = has('quantity_above_limit') || has('notional_above_limit') || has('too_many_open_orders');
    const limits = {
      ...DEFAULT_LIMITS,
      maxPriceAgeMs: 1_000,
      maxOpenOrdersPerAccount: has('too_many_open_orders') ? 0 : 10,
      maxOrderNotional: money(tight && has('notional_above_limit') ? '0.5' : '9000000'),
      maxOrderQuantity: quantity(has('quantity_above_limit') ? '0.01' : '9000000000'),
    };
    applyInput(state, inputs.control({ kind: 'SetLimits', limits }));
    if (!has('price_missing')) applyInput(state, inputs.batch(inputs.price('10')));
    if (has('price_too_old')) inputs.at(9_000);
    applyInput(
      state,
      inputs.control({ kind: 'SetKillSwitch', engaged: has('kill_switch'), accountId: null }),
    );
    if (has('breaker')) {
      const breaker = { kind: 'SetBreaker', accountId: accountId(1), action: 'TRIP', reason: 'so' } as const;
      applyInput(state, inputs.control(breaker));
    }
    let shares = '1';
    if (has('overflow')) shares = '8000000000';
    if (has('invalid_quantity')) shares = '0';
    let amount = '20';
    if (has('notional_too_small')) amount = '0.000000001';
    if (has('invalid_notional')) amount = '0';
    const at = has('invalid_limit_price') ? '0' : '10';
    const terms = byNotional
      ? notional(amount)
      : has('invalid_limit_price')
        ? limit(shares, at)
        : market(shares);
    const symbol = has('symbol_not_tradable') ? 'USD' : 'AAPL';
    const outputs = applyInput(state, inputs.submit(1, 1, side, terms, { symbol }));
    const denied = outputs.find((output) => output.type === 'OrderUpdate');
    return denied?.reason?.split(':')[0];
  };
  const buyOnly: readonly DenialCode[] = ['breaker', 'insufficient_funds', 'overflow'];
  for (const byNotional of [false, true]) {
    for (const side of ['BUY', 'SELL'] as const) {
      const possible = DENIAL_PRECEDENCE.filter((code) => {
        if (
          byNotional &&
          (code === 'invalid_quantity' || code === 'invalid_limit_price' || code === 'overflow')
        )
          return false;
        if (!byNotional && (code === 'invalid_notional' || code === 'notional_too_small')) return false;
        // Known only when a notional has become shares, so it stands further down there.
        if (byNotional && code === 'quantity_above_limit') return false;
        if (side === 'SELL' && buyOnly.includes(code)) return code === 'overflow';
        return !(side === 'BUY' && code === 'insufficient_shares');
      });
      for (const [index, code] of possible.entries()) {
        assert.equal(
          denialOf(new Set(possible.slice(index)), side, byNotional),
          code,
          `${side} ${byNotional}`,
        );
      }
    }
  }
});

test('estimates agree with what the core then reserves', () => {
  const state = createPartition(0);
  const inputs = createInputs();
  applyInput(state, inputs.open(1));
  applyInput(state, inputs.deposit(1, '103.5'));
  applyInput(
    state,
    inputs.batch(inputs.price('10', { bid: price('9'), ask: price('10'), askSize: quantity('0') })),
  );
  applyInput(state, inputs.submit(1, 1, 'BUY', market('10')));
  const [account] = state.accounts.values();
  assert.equal(account?.cashReserved, money('103'), 'the ask plus three per cent');
  const outputs = applyInput(state, inputs.submit(1, 2, 'BUY', market('0.05')));
  assert.deepEqual(
    outputs.map((output) =>
      output.type === 'OrderUpdate'
        ? output.reason
        : output.type === 'TradeExecuted' && output.outcome.status,
    ),
    ['insufficient_funds: needs 0.515, available 0.5', 'FAILED_INSUFFICIENT_FUNDS'],
  );
});
