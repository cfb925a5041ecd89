/**
 * The portfolios that `account_states` leads to. The topic is not sealed; that it holds what the inputs lead to is for the
 * replay to say, and cash and holdings are compared with the entries of the books besides.
 */
import type { AccountHeadEntity, PositionEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';
import { foldAccount } from '#services/portfolio/fold-account.ts';
import { digestOf } from './digest.ts';

/** Account → digest of its portfolio. */
export function expectedPortfolios(archive: LogArchive): ReadonlyMap<AccountId, number> {
  const digests = new Map<AccountId, number>();
  for (const place of archive.partitions().filter(({ topic }) => topic === TOPIC.accountStates)) {
    const heads = new Map<AccountId, AccountHeadEntity>();
    const positions = new Map<AccountId, Map<Symbol, PositionEntity>>();
    for (const { value } of archive.records(place)) {
      const decoded = value === null ? null : decodeAccountStateEntity(value);
      if (decoded?.kind !== 'decoded') continue;
      const entity = decoded.value;
      if (entity.kind === 'account') heads.set(entity.accountId, entity);
      if (entity.kind !== 'position') continue;
      const own = positions.get(entity.accountId) ?? new Map<Symbol, PositionEntity>();
      positions.set(entity.accountId, own.set(entity.symbol, entity));
    }
    for (const [accountId, head] of heads) {
      const portfolio = foldAccount(null, positions.get(accountId) ?? new Map(), head);
      digests.set(accountId, portfolioDigest(portfolio));
    }
  }
  return digests;
}

export function portfolioDigest(portfolio: Portfolio): number {
  const sorted = <Value>(entries: ReadonlyMap<Symbol, Value>) =>
    [...entries].sort(([left], [right]) => (left < right ? -1 : 1));
  const holdings = sorted(portfolio.holdings).map(([symbol, { quantity, costBasis, realisedProfit }]) => [
    symbol,
    quantity,
    costBasis,
    realisedProfit,
  ]);
  return digestOf({ ...portfolio, holdings, sharesReserved: sorted(portfolio.sharesReserved) });
}
