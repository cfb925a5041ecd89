/**
 * The inputs of execution: everything that can be on `trade_orders`, decoded.
 *
 * `timeMs` is market time. The core's clock is the running maximum of these. `commandId` is the logical id that
 * outputs name as their cause; it never is an offset.
 */
import type { Money, Price, Quantity, Rate } from './decimal.ts';
import type { AccountId, CommandId, EventId, ExecutionId, OrderId, Symbol } from './identifiers.ts';

interface InputBase {
  readonly commandId: CommandId;
  /** Market time, ms. */
  readonly timeMs: number;
  /** Wall clock at the door, ms; carried through for people, never decided upon. */
  readonly ingestTimeMs: number;
}

export type Side = 'BUY' | 'SELL';
export type TimeInForce = 'DAY' | 'GTC';

/** What is bought or sold how: a market order by quantity or by notional, or a limit order by quantity. */
export type OrderTerms =
  | { readonly type: 'MARKET'; readonly quantity: Quantity }
  /** The core turns it into a quantity at the reference price, rounded down. */
  | { readonly type: 'MARKET'; readonly notional: Money }
  | { readonly type: 'LIMIT'; readonly quantity: Quantity; readonly limitPrice: Price };

export interface SubmitOrder extends InputBase {
  readonly type: 'SubmitOrder';
  readonly orderId: OrderId;
  readonly accountId: AccountId;
  readonly symbol: Symbol;
  readonly side: Side;
  readonly terms: OrderTerms;
  readonly timeInForce: TimeInForce;
  readonly clientOrderId: string | null;
  /** Of the body, made at the door; the same id with another digest is an explicit outcome. */
  readonly bodyDigest: string;
}

export interface CancelOrder extends InputBase {
  readonly type: 'CancelOrder';
  readonly orderId: OrderId;
  readonly accountId: AccountId;
}

export interface OpenAccount extends InputBase {
  readonly type: 'OpenAccount';
  readonly accountId: AccountId;
  readonly name: string;
}

export interface Deposit extends InputBase {
  readonly type: 'Deposit';
  readonly accountId: AccountId;
  readonly amount: Money;
}

export interface Withdraw extends InputBase {
  readonly type: 'Withdraw';
  readonly accountId: AccountId;
  readonly amount: Money;
}

/** The last quote and trade of a symbol, and the range traded since the batch before. */
export interface BatchPrice {
  readonly symbol: Symbol;
  /** Ingestion's, of the last market event taken in. A repeat is ignored. */
  readonly sequence: number;
  readonly eventId: EventId;
  readonly feedTimestampMs: number;
  readonly price: Price;
  readonly bid: Price | null;
  readonly bidSize: Quantity | null;
  readonly ask: Price | null;
  readonly askSize: Quantity | null;
  /** Traded since the batch before; `null` when the feed gives no sizes. */
  readonly tradedSize: Quantity | null;
  readonly low: Price;
  readonly high: Price;
}

export interface PriceBatch extends InputBase {
  readonly type: 'PriceBatch';
  readonly prices: readonly BatchPrice[];
}

export interface FeeSchedule {
  readonly perShare: Money;
  /** Of the notional. */
  readonly rate: Rate;
  readonly minimumPerOrder: Money;
}

export interface TradingLimits {
  /** An older price refuses. */
  readonly maxPriceAgeMs: number;
  readonly maxOpenOrdersPerAccount: number;
  readonly maxOrderNotional: Money;
  readonly maxOrderQuantity: Quantity;
  /** Above the ask; what a market buy reserves, and the worst price it may pay. */
  readonly marketBuyCollar: Rate;
  /** Realised, fees included; an account that loses more in a day trips its breaker. */
  readonly maxDailyLoss: Money;
  /** Above zero. In market time, between an operator's reset of a breaker and its opening. */
  readonly breakerQuietPeriodMs: number;
}

export interface BreakerChange {
  readonly kind: 'SetBreaker';
  readonly accountId: AccountId;
  readonly action: 'TRIP' | 'RESET';
  /** For people. */
  readonly reason: string;
}

export type ControlChange =
  | { readonly kind: 'SetFees'; readonly fees: FeeSchedule }
  | { readonly kind: 'SetLimits'; readonly limits: TradingLimits }
  | { readonly kind: 'SetRulesVersion'; readonly rulesVersion: number }
  /** Engaged: every new order is denied; cancels go through. `accountId` null: all. */
  | { readonly kind: 'SetKillSwitch'; readonly engaged: boolean; readonly accountId: AccountId | null }
  | BreakerChange;

export interface Control extends InputBase {
  readonly type: 'Control';
  readonly change: ControlChange;
}

/** What a venue decided. Sequenced per source; applied once. */
export type VenueDecision =
  | { readonly kind: 'Accepted' }
  | {
      readonly kind: 'Filled';
      readonly executionId: ExecutionId;
      readonly quantity: Quantity;
      readonly price: Price;
    }
  | { readonly kind: 'Canceled'; readonly reason: string }
  | { readonly kind: 'Rejected'; readonly reason: string }
  | { readonly kind: 'CancelRejected'; readonly reason: string };

export interface VenueEvent extends InputBase {
  readonly type: 'VenueEvent';
  readonly source: string;
  /** The source's own; an event at or below the last applied is a repeat. */
  readonly sourceSequence: number;
  readonly accountId: AccountId;
  readonly orderId: OrderId;
  readonly decision: VenueDecision;
}

export type TradingInput =
  | SubmitOrder
  | CancelOrder
  | OpenAccount
  | Deposit
  | Withdraw
  | PriceBatch
  | Control
  | VenueEvent;
