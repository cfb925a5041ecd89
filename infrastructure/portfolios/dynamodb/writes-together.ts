/**
 * Many accounts, each over its older version, in one transaction. A call costs this process ten times what an item in it
 * does, so this is how a projection that has many accounts to write keeps up; DynamoDB takes two write units for one.
 *
 * A transaction is all or nothing, and accounts are not: those that stand in the way of one are told apart by what
 * cancelled it, and the others are left to be written alone.
 */
import {
  type CancellationReason,
  type Put,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { Portfolio, PutOutcome } from '../portfolios.ts';
import type { PortfolioTable } from './dynamodb-client.ts';
import { type Item, readHead, SYMBOLS_PER_ITEM } from './portfolio-items.ts';

/** Of an account without parts. */
export interface Write {
  readonly portfolio: Portfolio;
  readonly put: Put;
}

/** Below, the price of a transaction buys too little. */
const WORTH_A_TRANSACTION = 10;
/** DynamoDB takes no more. */
const ITEMS_MAX = 100;

/** Each for a transaction, no larger than an item may be; what makes none worth its price is in none. */
export function transactionsOf(writes: readonly Write[]): readonly (readonly Write[])[] {
  const transactions: Write[][] = [];
  let last: Write[] = [];
  let symbols = 0;
  for (const write of writes) {
    const { holdings, sharesReserved } = write.portfolio;
    const own = holdings.size + sharesReserved.size;
    if (last.length === 0 || last.length === ITEMS_MAX || symbols + own > SYMBOLS_PER_ITEM) {
      last = [];
      symbols = 0;
      transactions.push(last);
    }
    last.push(write);
    symbols += own;
  }
  return transactions.filter(({ length }) => length >= WORTH_A_TRANSACTION);
}

/** One outcome per write, in order; `null` for one to be written alone. Of different accounts. Throws `OperatingError`s. */
export function writeTogether(
  { client, calls }: PortfolioTable,
  writes: readonly Write[],
): Promise<readonly (PutOutcome | null)[]> {
  const TransactItems = writes.map(({ put }) => ({ Put: put }));
  let attempt = 0;
  return calls.call(
    'portfolios.put_together',
    async (abortSignal) => {
      attempt += 1;
      try {
        await client.send(new TransactWriteItemsCommand({ TransactItems }), { abortSignal });
        return writes.map(() => ({ kind: 'written' as const }));
      } catch (error) {
        if (!(error instanceof TransactionCanceledException)) throw error;
        const reasons = error.CancellationReasons ?? [];
        return writes.map(({ portfolio }, at) => outcomeOf(portfolio, reasons[at], attempt));
      }
    },
    { repeatable: true },
  );
}

function outcomeOf(
  portfolio: Portfolio,
  reason: CancellationReason | undefined,
  attempt: number,
): PutOutcome | null {
  if (reason?.Code !== 'ConditionalCheckFailed' || reason.Item === undefined) return null;
  return inTheWay(portfolio, reason.Item, attempt);
}

/** What a stored head makes of a write that it stood in the way of; `null` for an older one. `attempt` counts from 1. */
export function inTheWay(
  { version, stateHash }: Portfolio,
  stored: Item,
  attempt: number,
): PutOutcome | null {
  const { version: storedVersion, stateHash: storedHash } = readHead(stored);
  if (storedVersion < version) return null;
  if (storedVersion > version) return { kind: 'not-newer', storedVersion };
  if (storedHash !== stateHash) return { kind: 'conflict', storedHash };
  // After an attempt of unknown outcome it is that one's.
  return attempt > 1 ? { kind: 'written' } : { kind: 'not-newer', storedVersion };
}
