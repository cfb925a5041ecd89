/**
 * One step: one input and what it leads to. Outputs are numbered here, per account and without gaps.
 *
 * What concerns an account that was never opened has no sequence to take a number from: it carries sequence 0,
 * and an event id made of its cause.
 */
import { type Money, type Price, ZERO_MONEY } from '#domain/data/decimal.ts';
import type { AccountId, CommandId, EventId, Symbol } from '#domain/data/identifiers.ts';
import type { LedgerEntry, OrderUpdate, TradeExecuted, TradingOutput } from '#domain/data/trading-events.ts';
import type { Account } from './holdings.ts';
import type { PartitionState } from './state.ts';
import { formatLanes, textLanes } from './state-hash.ts';

export interface Step {
  readonly state: PartitionState;
  readonly cause: CommandId;
  readonly ingestTimeMs: number;
  readonly outputs: TradingOutput[];
  /** How many of the outputs are of inputs before. */
  readonly outputsBefore: number;
  /** Accounts whose day has, at some moment of the step, lost more than the limits allow, some more than once; `null`: none. */
  losers: Account[] | null;
}

/** Longer command ids are hashed into event ids, which have room for 200 characters. */
const MAX_CAUSE_IN_ID = 160;

/** The account's next number, taken. */
export function nextSequence(step: Step, account: Account | null): number {
  if (account === null) return 0;
  const { state } = step;
  const sequence = account.sequence + 1;
  account.sequence = sequence;
  account.updatedAtMs = state.clockMs;
  account.touch(state.changes.accounts);
  return sequence;
}

/** `null` where account and sequence make it. */
export function eventIdOf(step: Step, account: Account | null): EventId | null {
  if (account !== null) return null;
  const { cause } = step;
  const text = cause.length <= MAX_CAUSE_IN_ID ? cause : formatLanes(textLanes(cause));
  return `${text}:unknown:${step.outputs.length - step.outputsBefore}` as EventId;
}

type Common = 'type' | 'eventId' | 'cause' | 'accountId' | 'sequence' | 'timeMs' | 'ingestTimeMs';

export function emitOrderUpdate(
  step: Step,
  accountId: AccountId,
  account: Account | null,
  update: Omit<OrderUpdate, Common>,
): void {
  const sequence = nextSequence(step, account);
  step.outputs.push({
    type: 'OrderUpdate',
    eventId: eventIdOf(step, account),
    cause: step.cause,
    accountId,
    sequence,
    timeMs: step.state.clockMs,
    ingestTimeMs: step.ingestTimeMs,
    update: update.update,
    orderId: update.orderId,
    status: update.status,
    symbol: update.symbol,
    side: update.side,
    orderType: update.orderType,
    timeInForce: update.timeInForce,
    quantity: update.quantity,
    limitPrice: update.limitPrice,
    clientOrderId: update.clientOrderId,
    filledQuantity: update.filledQuantity,
    averageFillPrice: update.averageFillPrice,
    reason: update.reason,
  });
}

export function emitTrade(
  step: Step,
  accountId: AccountId,
  account: Account | null,
  trade: Omit<TradeExecuted, Common>,
): void {
  const sequence = nextSequence(step, account);
  step.outputs.push({
    type: 'TradeExecuted',
    eventId: eventIdOf(step, account),
    cause: step.cause,
    accountId,
    sequence,
    timeMs: step.state.clockMs,
    ingestTimeMs: step.ingestTimeMs,
    orderId: trade.orderId,
    symbol: trade.symbol,
    side: trade.side,
    quantity: trade.quantity,
    outcome: trade.outcome,
  });
}

export function emitLedgerEntry(
  step: Step,
  accountId: AccountId,
  account: Account | null,
  kind: LedgerEntry['kind'],
  reference: string,
  postings: LedgerEntry['postings'],
  symbol: Symbol | null,
  price: Price | null,
  note: string | null,
): void {
  const sequence = nextSequence(step, account);
  const cashAfter: Money = account === null ? ZERO_MONEY : account.cash;
  step.outputs.push({
    type: 'LedgerEntry',
    eventId: eventIdOf(step, account),
    cause: step.cause,
    accountId,
    sequence,
    timeMs: step.state.clockMs,
    ingestTimeMs: step.ingestTimeMs,
    kind,
    reference,
    postings,
    symbol,
    price,
    cashAfter,
    note,
  });
}
