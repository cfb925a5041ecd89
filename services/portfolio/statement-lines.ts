/** What a ledger entry is on the statement of its account. Pure. */
import type { Money, Quantity } from '#domain/data/decimal.ts';
import { CASH_ASSET, type LedgerEntry, type Recorded } from '#domain/data/trading-events.ts';
import type { StatementLine } from '#infrastructure/relational/stores.ts';

export function statementLine(entry: Recorded<LedgerEntry>): StatementLine {
  let cashChange = 0n;
  let quantityChange: bigint | null = null;
  for (const { account, asset, amount } of entry.postings) {
    if (account !== entry.accountId) continue;
    if (asset === CASH_ASSET) cashChange += amount;
    else quantityChange = (quantityChange ?? 0n) + amount;
  }
  return {
    entryId: entry.eventId,
    accountId: entry.accountId,
    sequence: entry.sequence,
    kind: entry.kind,
    reference: entry.reference,
    symbol: entry.symbol,
    cashChange: cashChange as Money,
    quantityChange: quantityChange === null ? null : (quantityChange as Quantity),
    price: entry.price,
    cashAfter: entry.cashAfter,
    atMs: entry.timeMs,
    note: entry.note,
  };
}
