/**
 * The entities of `account_states`: what an owner restores from, and what the portfolio service reads.
 *
 * The topic is compacted; a record's key names the entity, its partition is that of the accounts. Of one commit,
 * an account's head (`account/{id}`) is written after that account's positions and orders, so that a reader who
 * applies an account's changes when its head arrives never shows half of a commit.
 */
import type { Money, Price, Quantity } from './decimal.ts';
import type { AccountId, CommandId, OrderId, Symbol } from './identifiers.ts';
import type { BatchPrice, FeeSchedule, TradingLimits } from './trading-inputs.ts';

/** Whether an account may trade, or only reduce what it holds. */
export type Breaker =
  | { readonly state: 'OPEN' }
  | { readonly state: 'TRIPPED' }
  /** It opens with the first input at or past this market time. */
  | { readonly state: 'QUIET_PERIOD'; readonly untilMs: number };

/** What keeps an account from trading as it likes; at least one of the two does. */
export interface AccountHalt {
  readonly accountId: AccountId;
  readonly killSwitchEngaged: boolean;
  readonly breaker: Breaker;
}

/** Key: `account/{accountId}`. */
export interface AccountHeadEntity {
  readonly kind: 'account';
  readonly accountId: AccountId;
  readonly name: string;
  readonly cash: Money;
  /** Part of the cash that open buy orders have reserved. */
  readonly cashReserved: Money;
  /** The account's own sequence: the portfolio's version. */
  readonly sequence: number;
  readonly killSwitchEngaged: boolean;
  readonly breaker: Breaker;
  /** Realised on `resultDay`, fees included; counted from the breaker's last reset if that was later. */
  readonly dayResult: Money;
  /** Days since 1970 in market time, of the last result; 0 before the first. */
  readonly resultDay: number;
  /** Over the account's head, positions and orders; hexadecimal. */
  readonly accountHash: string;
  /** Market time, ms. */
  readonly updatedAtMs: number;
}

/** Key: `position/{accountId}/{symbol}`. */
export interface PositionEntity {
  readonly kind: 'position';
  readonly accountId: AccountId;
  readonly symbol: Symbol;
  readonly quantity: Quantity;
  /** Part of the quantity that open sell orders have reserved. */
  readonly reserved: Quantity;
  readonly costBasis: Money;
  readonly realisedProfit: Money;
  /** How much of the last price batch's size this account has used. */
  readonly liquidityUsed: { readonly sequence: number; readonly bought: Quantity; readonly sold: Quantity };
}

/** Key: `head`. Written by the stream with every commit, after everything else. */
export interface PartitionHeadEntity {
  readonly kind: 'head';
  readonly partition: number;
  /** Offset of the next input of `trade_orders` to apply. Outside every hash. */
  readonly nextInputOffset: number;
  readonly lastCommandId: CommandId | null;
  /** How many inputs have been applied since the beginning. */
  readonly inputsApplied: number;
  readonly stateHash: string;
}

/** How far an open order has come. Never a fill of nothing, never an open order that is filled up. */
export type OrderProgress =
  | { readonly kind: 'unfilled' }
  | {
      readonly kind: 'partially_filled';
      /** Above zero and below the order's quantity. */
      readonly filledQuantity: Quantity;
      readonly filledNotional: Money;
      readonly feesCharged: Money;
      readonly fills: number;
    };

/** Until when an order works. */
export type OrderLifetime =
  | { readonly timeInForce: 'GTC' }
  /** Expired by the first input at or past this market time (00:00 UTC). */
  | { readonly timeInForce: 'DAY'; readonly expiresAtMs: number };

/**
 * What an open order wants and has set aside. A buy has reserved cash; a sale has reserved the shares it has not
 * sold yet, so it needs no field for them. A market buy has a collar; a limit order has its limit.
 */
export type OrderIntent =
  | { readonly side: 'BUY'; readonly type: 'MARKET'; readonly collar: Price; readonly reservedCash: Money }
  | { readonly side: 'BUY'; readonly type: 'LIMIT'; readonly limitPrice: Price; readonly reservedCash: Money }
  | { readonly side: 'SELL'; readonly type: 'MARKET' }
  | { readonly side: 'SELL'; readonly type: 'LIMIT'; readonly limitPrice: Price };

/** An open order. Key: `order/{accountId}/{orderId}`; a tombstone once it is closed. */
export interface OpenOrderEntity {
  readonly kind: 'order';
  readonly accountId: AccountId;
  readonly orderId: OrderId;
  /** The partition's order of acceptance, from 1. */
  readonly acceptanceNumber: number;
  readonly symbol: Symbol;
  readonly quantity: Quantity;
  readonly intent: OrderIntent;
  readonly lifetime: OrderLifetime;
  readonly progress: OrderProgress;
  /** As they were at acceptance: the reservation covers these and no others. */
  readonly fees: FeeSchedule;
  readonly clientOrderId: string | null;
  readonly bodyDigest: string;
  readonly acceptedAtMs: number;
}

/** An open order that is open no more: its key gets a tombstone. */
export interface RemovedOrder {
  readonly kind: 'removed_order';
  readonly accountId: AccountId;
  readonly orderId: OrderId;
}

export type ClosedOrderStatus = 'FILLED' | 'CANCELED' | 'EXPIRED' | 'REJECTED' | 'DENIED';

/**
 * An order id that is taken. Key: `closed-order/{slot}`, slot = closing number modulo the ring's size, so that the
 * record which evicts an old one replaces it.
 */
export interface ClosedOrderEntity {
  readonly kind: 'closed_order';
  /** The partition's order of closing, from 0. */
  readonly closingNumber: number;
  readonly accountId: AccountId;
  readonly orderId: OrderId;
  readonly bodyDigest: string;
  readonly status: ClosedOrderStatus;
  readonly filledQuantity: Quantity;
}

/** An account command that was answered. Key: `account-command/{slot}`, as for closed orders. */
export interface AccountCommandEntity {
  readonly kind: 'account_command';
  readonly commandNumber: number;
  readonly commandId: CommandId;
  /** Of the command's body: the same id with another one is refused. */
  readonly fingerprint: string;
}

/** The last batch's price of a symbol. Key: `price/{symbol}`. */
export interface PriceEntity {
  readonly kind: 'price';
  readonly price: BatchPrice;
}

/**
 * The partition's books in one asset (`USD` or a symbol). Key: `ledger/{asset}`. The five add up to zero. Counts of
 * 10⁻⁹ units that may pass 64 bits.
 */
export interface LedgerBalanceEntity {
  readonly kind: 'ledger';
  readonly asset: string;
  readonly outside: bigint;
  readonly venue: bigint;
  readonly fees: bigint;
  readonly clearing: bigint;
  /** All trading accounts of the partition together. */
  readonly accounts: bigint;
}

/** What the controls have set. Key: `controls`. */
export interface ControlsEntity {
  readonly kind: 'controls';
  readonly fees: FeeSchedule;
  readonly limits: TradingLimits;
  readonly rulesVersion: number;
  /** For the whole partition; an account's own is in its head. */
  readonly killSwitchEngaged: boolean;
}

/** How far an outside venue's events are applied. Key: `venue-source/{source}`. */
export interface VenueSourceEntity {
  readonly kind: 'venue_source';
  readonly source: string;
  readonly lastSequence: number;
}

/** The partition's clock and numbering. Key: `counters`. */
export interface CountersEntity {
  readonly kind: 'counters';
  /** Running maximum of the inputs' market times, ms. */
  readonly clockMs: number;
  readonly ordersAccepted: number;
  readonly ordersClosed: number;
  readonly accountCommands: number;
}

/** What the core's state consists of; the partition's head is the stream's. */
export type CoreEntity =
  | AccountHeadEntity
  | PositionEntity
  | OpenOrderEntity
  | ClosedOrderEntity
  | AccountCommandEntity
  | PriceEntity
  | LedgerBalanceEntity
  | ControlsEntity
  | VenueSourceEntity
  | CountersEntity;

export type AccountStateEntity = CoreEntity | PartitionHeadEntity;

/** What a snapshot takes of the core: an entity as it is now, or that one is gone. */
export type EntityChange = CoreEntity | RemovedOrder;
