/** What an executed event becomes in history (every outcome) and in analytics (executions only). Pure. */
import type { Recorded, TradeExecuted } from '#domain/data/trading-events.ts';
import type { AnalyticsTrade } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { TradeDocument } from '#infrastructure/trade-history/trade-history.ts';

export function historyDocument(event: Recorded<TradeExecuted>): TradeDocument {
  const { outcome } = event;
  const executed = outcome.status === 'EXECUTED' ? outcome : null;
  return {
    eventId: event.eventId,
    orderId: event.orderId,
    userId: event.accountId,
    symbol: event.symbol,
    quantity: event.quantity,
    side: event.side,
    status: outcome.status,
    executionPrice: executed === null ? null : executed.executionPrice,
    executionId: executed === null ? null : executed.executionId,
    executionTimestampMs: event.timeMs,
    failureReason: outcome.status === 'EXECUTED' ? null : outcome.failureReason,
  };
}

/** `null` for an order that was not executed: analytics counts what traded. */
export function analyticsTrade(event: Recorded<TradeExecuted>): AnalyticsTrade | null {
  if (event.outcome.status !== 'EXECUTED') return null;
  return {
    eventId: event.eventId,
    userId: event.accountId,
    symbol: event.symbol,
    side: event.side,
    quantity: event.quantity,
    executionPrice: event.outcome.executionPrice,
    executionTimestampMs: event.timeMs,
  };
}
