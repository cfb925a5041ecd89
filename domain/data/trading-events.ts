/**
 * What the core says: the outputs of execution, decoded. Each is deterministic, ids and sequences included.
 *
 * `sequence` is the account's own, from 1, without gaps, over all of these that carry one account. What concerns
 * an account that was never opened carries sequence 0.
 */
import type { Money, Price, Quantity } from './decimal.ts';
import type { AccountId, CommandId, EventId, ExecutionId, OrderId, Symbol } from './identifiers.ts';
import type { Side, TimeInForce } from './trading-inputs.ts';

interface OutputBase {
  /** `null` stands for `{accountId}:{sequence}`, which nearly all have and only their records need as a text. */
  readonly eventId: EventId | null;
  /** The input that led to it. */
  readonly cause: CommandId;
  readonly accountId: AccountId;
  readonly sequence: number;
  /** The core's clock (market time), ms. */
  readonly timeMs: number;
  /** Of the input, for people. */
  readonly ingestTimeMs: number;
}

/** To `trade_executed`: one per fill, and one per order that could not be executed at all. */
export type TradeOutcome =
  | {
      readonly status: 'EXECUTED';
      readonly executionId: ExecutionId;
      readonly executionPrice: Price;
      readonly fee: Money;
      /** The market data event whose price was used; `null` when a venue other than the feed venue filled it. */
      readonly priceEventId: EventId | null;
      readonly priceTimestampMs: number | null;
    }
  | { readonly status: 'FAILED_INSUFFICIENT_FUNDS'; readonly failureReason: string }
  | { readonly status: 'FAILED_INSUFFICIENT_SHARES'; readonly failureReason: string }
  | { readonly status: 'FAILED_OTHER'; readonly failureReason: string };

export interface TradeExecuted extends OutputBase {
  readonly type: 'TradeExecuted';
  readonly orderId: OrderId;
  readonly symbol: Symbol;
  readonly side: Side;
  /** Of this fill; of the whole order when it failed. */
  readonly quantity: Quantity;
  readonly outcome: TradeOutcome;
}

/** To `order_updates`: every step of an order's life, with the order as it is after the step. */
export interface OrderUpdate extends OutputBase {
  readonly type: 'OrderUpdate';
  readonly update:
    | 'new'
    | 'partial_fill'
    | 'fill'
    | 'canceled'
    | 'expired'
    /** By the venue. */
    | 'rejected'
    /** By us. */
    | 'denied'
    /** The cancel came to nothing: the order is unknown or already terminal. */
    | 'cancel_rejected'
    /** The order id came again with another body; the first order stands. */
    | 'duplicate_conflict'
    /** A venue's word that is late, about no order of the account, or contradicts the order; nothing changed. */
    | 'venue_event_ignored';
  readonly orderId: OrderId;
  readonly status: 'NEW' | 'PARTIALLY_FILLED' | 'FILLED' | 'CANCELED' | 'EXPIRED' | 'REJECTED' | 'DENIED';
  readonly symbol: Symbol | null;
  readonly side: Side | null;
  readonly orderType: 'MARKET' | 'LIMIT' | null;
  readonly timeInForce: TimeInForce | null;
  readonly quantity: Quantity | null;
  readonly limitPrice: Price | null;
  readonly clientOrderId: string | null;
  readonly filledQuantity: Quantity;
  readonly averageFillPrice: Price | null;
  readonly reason: string | null;
}

/** Updates that are a step of the order's life; the others say nothing new about the order itself. */
export const ORDER_STEPS: ReadonlySet<OrderUpdate['update']> = new Set([
  'new',
  'partial_fill',
  'fill',
  'canceled',
  'expired',
  'rejected',
  'denied',
]);

/** A step says what the order is. */
export type OrderStep = OrderUpdate & {
  readonly [Fact in 'symbol' | 'side' | 'orderType' | 'timeInForce']: NonNullable<OrderUpdate[Fact]>;
};

export function isOrderStep(update: OrderUpdate): update is OrderStep {
  return ORDER_STEPS.has(update.update);
}

/** What cash is called in the books. */
export const CASH_ASSET = 'USD';

/** Accounts of the partition's own books, beside the trading accounts. */
export type SystemAccount = 'outside' | 'venue' | 'fees' | 'clearing';

export interface Posting {
  readonly account: AccountId | SystemAccount;
  /** `USD`, or a symbol. */
  readonly asset: string;
  /** Signed, nine places. Per entry and asset the amounts add up to zero. */
  readonly amount: bigint;
}

/**
 * A fill in short, from which its postings follow: shares against cash, through clearing, and on to the venue when it
 * has settled.
 */
export interface FillPostings {
  /** Signed, as the account sees it. */
  readonly cash: bigint;
  readonly asset: string;
  readonly shares: bigint;
  readonly settlement: 'at_once' | 'later';
}

/** To `ledger_entries`: a balanced double entry, or a refused or non-monetary account command (no postings). */
export interface LedgerEntry extends OutputBase {
  readonly type: 'LedgerEntry';
  readonly kind:
    | 'OPENED'
    | 'DEPOSIT'
    | 'DEPOSIT_DENIED'
    | 'WITHDRAWAL'
    | 'WITHDRAWAL_DENIED'
    | 'HALTED'
    | 'RESUMED'
    | 'BREAKER_TRIPPED'
    | 'BREAKER_RESET'
    | 'BREAKER_OPENED'
    | 'FILL'
    | 'FEE';
  /** The command's id, or the order's. */
  readonly reference: string;
  /** In short only where the core says it; a record spells them out. */
  readonly postings: readonly Posting[] | FillPostings;
  readonly symbol: Symbol | null;
  readonly price: Price | null;
  /** The account's cash after the entry. */
  readonly cashAfter: Money;
  readonly note: string | null;
}

/** To `venue_commands`: what an account asks of a venue that is not the feed venue. */
export interface VenueCommand extends OutputBase {
  readonly type: 'VenueCommand';
  readonly command: 'place' | 'cancel';
  readonly orderId: OrderId;
  readonly symbol: Symbol;
  readonly side: Side;
  readonly quantity: Quantity;
  readonly limitPrice: Price | null;
}

export type TradingOutput = TradeExecuted | OrderUpdate | LedgerEntry | VenueCommand;

/** An output as it was read: its id is always a text, its postings are spelt out. */
export type Recorded<Output extends TradingOutput> = Output & {
  readonly eventId: EventId;
} & (Output extends LedgerEntry ? { readonly postings: readonly Posting[] } : unknown);

export function asRecordedEntry(entry: LedgerEntry): Recorded<LedgerEntry> {
  return { ...entry, eventId: eventIdOf(entry), postings: postingsOf(entry) };
}

/** The output as its record will be read. */
export function asRecorded<Output extends Exclude<TradingOutput, LedgerEntry>>(
  output: Output,
): Output & { readonly eventId: EventId } {
  return { ...output, eventId: eventIdOf(output) };
}

/** An entry's postings, spelt out. */
export function postingsOf({ accountId, postings }: LedgerEntry): readonly Posting[] {
  if (!('settlement' in postings)) return postings;
  const { cash, asset, shares, settlement } = postings;
  const passed = settlement === 'at_once';
  return [...moved(accountId, CASH_ASSET, cash, passed), ...moved(accountId, asset, shares, passed)];
}

function moved(account: AccountId, asset: string, amount: bigint, passed: boolean): readonly Posting[] {
  const taken: readonly Posting[] = [
    { account, asset, amount },
    { account: 'clearing', asset, amount: -amount },
  ];
  if (!passed) return taken;
  return [...taken, { account: 'clearing', asset, amount }, { account: 'venue', asset, amount: -amount }];
}

export function eventIdOf(output: Pick<OutputBase, 'eventId' | 'accountId' | 'sequence'>): EventId {
  return output.eventId ?? (`${output.accountId}:${output.sequence}` as EventId);
}
