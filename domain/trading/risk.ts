/**
 * Risk: whether an order may go to a venue. The only maker of `RiskApproved`, and what places an order takes nothing
 * else, so that skipping risk does not compile.
 *
 * The checks run in the order of `DENIAL_PRECEDENCE`; an order that breaks several is denied for the first.
 */
import {
  formatDecimal,
  type Money,
  type Price,
  type Quantity,
  sumFits,
  ZERO_MONEY,
} from '#domain/data/decimal.ts';
import { CASH_ASSET } from '#domain/data/trading-events.ts';
import type { SubmitOrder } from '#domain/data/trading-inputs.ts';
import { estimateReservation } from './estimate.ts';
import type { Account, Position } from './holdings.ts';
import type { Instrument } from './instrument.ts';
import { priceAgeMs } from './quote.ts';
import type { PartitionState } from './state.ts';
import { NO_LIMIT } from './working-order.ts';

declare const approval: unique symbol;
/** Passed by risk against the state it is placed on, in the same step. */
export type RiskApproved<Proposal> = Proposal & { readonly [approval]: true };

export interface ProposedOrder {
  readonly kind: 'approved';
  readonly input: SubmitOrder;
  readonly account: Account;
  readonly instrument: Instrument;
  /** The account's in the symbol, if it has one. */
  readonly position: Position | null;
  readonly quantity: Quantity;
  /** The limit, a market buy's collar, or a market sale's zero. */
  readonly worstPrice: Price;
  /** What a buy sets aside; a sale sets aside its shares. */
  readonly reservedCash: Money;
}

export const DENIAL_PRECEDENCE = [
  'unknown_account',
  'kill_switch',
  'breaker',
  'symbol_not_tradable',
  'invalid_quantity',
  'invalid_notional',
  'invalid_limit_price',
  'quantity_above_limit',
  'too_many_open_orders',
  'price_missing',
  'price_too_old',
  'notional_too_small',
  'overflow',
  'notional_above_limit',
  'insufficient_funds',
  'insufficient_shares',
] as const;
export type DenialCode = (typeof DENIAL_PRECEDENCE)[number];

export interface Denial {
  readonly kind: 'denied';
  readonly code: DenialCode;
  /** The code, and a sentence for people. */
  readonly reason: string;
  /** Known unless the order is by notional and found no price. */
  readonly quantity: Quantity | null;
}

export type RiskVerdict = RiskApproved<ProposedOrder> | Denial;

export function assessRisk(state: PartitionState, input: SubmitOrder): RiskVerdict {
  const { terms, side } = input;
  const { limits } = state.controls;
  const asked = 'quantity' in terms ? terms.quantity : null;
  const account = state.accounts.get(input.accountId);
  if (account === undefined) return denied('unknown_account', 'no such account has been opened', asked);
  if (state.controls.killSwitchEngaged) {
    return denied('kill_switch', 'trading is halted for every account', asked);
  }
  if (account.killSwitchEngaged) return denied('kill_switch', 'trading is halted for this account', asked);
  if (side === 'BUY' && account.breaker.state !== 'OPEN') {
    return denied('breaker', 'the account may only sell until its breaker opens', asked);
  }
  if (input.symbol === (CASH_ASSET as string)) {
    return denied('symbol_not_tradable', `${CASH_ASSET} is the currency of the books`, asked);
  }
  if (asked !== null && asked <= 0n)
    return denied('invalid_quantity', 'the quantity must be above zero', asked);
  if ('notional' in terms && terms.notional <= 0n) {
    return denied('invalid_notional', 'the notional must be above zero', asked);
  }
  if (terms.type === 'LIMIT' && terms.limitPrice <= 0n) {
    return denied('invalid_limit_price', 'the limit price must be above zero', asked);
  }
  if (asked !== null && asked > limits.maxOrderQuantity) return tooLarge(asked, limits.maxOrderQuantity);
  if (account.openOrders >= limits.maxOpenOrdersPerAccount) {
    const most = `${limits.maxOpenOrdersPerAccount} open orders at most`;
    return denied('too_many_open_orders', most, asked);
  }
  const instrument = state.instruments.get(input.symbol);
  if (instrument === undefined) return denied('price_missing', `no price of ${input.symbol} has come`, asked);
  const ageMs = priceAgeMs(instrument.price, state.clockMs);
  if (ageMs > limits.maxPriceAgeMs) {
    const sentence = `the last price of ${input.symbol} is ${ageMs} ms old, ${limits.maxPriceAgeMs} ms at most`;
    return denied('price_too_old', sentence, asked);
  }
  const estimate = estimateReservation(input, instrument.price, state.controls.fees, limits);
  if (estimate.kind === 'refused') {
    return estimate.reason === 'overflow'
      ? denied('overflow', 'a product of the order does not fit 64 bits', asked)
      : denied('notional_too_small', 'the notional does not buy any share', asked);
  }
  const { quantity } = estimate;
  if (asked === null && quantity > limits.maxOrderQuantity)
    return tooLarge(quantity, limits.maxOrderQuantity);
  const position = state.positions.get(account, instrument) ?? null;
  if (side === 'BUY' && position !== null && !sumFits(position.quantity, quantity)) {
    return denied('overflow', 'the position would not fit 64 bits', quantity);
  }
  if (estimate.notional > limits.maxOrderNotional) {
    const sentence = `worth ${formatDecimal(estimate.notional)}, ${formatDecimal(limits.maxOrderNotional)} at most`;
    return denied('notional_above_limit', sentence, quantity);
  }
  if (estimate.kind === 'cash') {
    const available = BigInt.asIntN(64, account.cash - account.cashReserved);
    if (estimate.cash > available) {
      const needed = formatDecimal(estimate.cash);
      const sentence = `needs ${needed}, available ${formatDecimal(available as typeof account.cash)}`;
      return denied('insufficient_funds', sentence, quantity);
    }
  } else {
    const available = position === null ? 0n : BigInt.asIntN(64, position.quantity - position.reserved);
    if (quantity > available) {
      const needed = formatDecimal(quantity);
      const sentence = `needs ${needed}, available ${formatDecimal(available as Quantity)}`;
      return denied('insufficient_shares', sentence, quantity);
    }
  }
  const proposal: ProposedOrder = {
    kind: 'approved',
    input,
    account,
    instrument,
    position,
    quantity,
    worstPrice: estimate.kind === 'cash' ? estimate.worstPrice : limitOf(input),
    reservedCash: estimate.kind === 'cash' ? estimate.cash : ZERO_MONEY,
  };
  return proposal as RiskApproved<ProposedOrder>;
}

function limitOf({ terms }: SubmitOrder): Price {
  return terms.type === 'LIMIT' ? terms.limitPrice : NO_LIMIT;
}

function tooLarge(quantity: Quantity, most: Quantity): RiskVerdict {
  const sentence = `${formatDecimal(quantity)} shares, ${formatDecimal(most)} at most`;
  return denied('quantity_above_limit', sentence, quantity);
}

function denied(code: DenialCode, sentence: string, quantity: Quantity | null): RiskVerdict {
  return { kind: 'denied', code, reason: `${code}: ${sentence}`, quantity };
}
