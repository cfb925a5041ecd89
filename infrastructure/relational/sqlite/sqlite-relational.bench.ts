/** The relational projections: orders accepted and updated, and statement lines, in batches of 1,000. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { IndexedOrder, StatementLine } from '../stores.ts';
import { openSqliteRelational } from './sqlite-relational.ts';

export interface RelationalBenchResult {
  readonly rows: number;
  readonly acceptancesPerSecond: number;
  readonly updatesPerSecond: number;
  readonly statementLinesPerSecond: number;
}

const BATCH = 1_000;
const ACCOUNTS = 1_000;

export async function run(rows = 200_000): Promise<RelationalBenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-bench-'));
  const stores = await openSqliteRelational({ path: join(folder, 'database.sqlite') });
  const perSecond = async (write: (numbers: readonly number[]) => Promise<unknown>): Promise<number> => {
    const startedAtMs = performance.now();
    for (let first = 0; first < rows; first += BATCH) {
      await write(Array.from({ length: Math.min(BATCH, rows - first) }, (_, index) => first + index));
    }
    return Math.round(rows / ((performance.now() - startedAtMs) / 1_000));
  };
  try {
    return {
      rows,
      acceptancesPerSecond: await perSecond((numbers) =>
        stores.orders.put(numbers.map((number) => order(number, 0))),
      ),
      updatesPerSecond: await perSecond((numbers) =>
        stores.orders.put(numbers.map((number) => order(number, number + 1))),
      ),
      statementLinesPerSecond: await perSecond((numbers) =>
        stores.statements.append(numbers.map(statementLine)),
      ),
    };
  } finally {
    await stores.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function spreadId(number: number): string {
  const spread = ((number * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0');
  return `${spread}-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function account(number: number): AccountId {
  return spreadId(number % ACCOUNTS) as AccountId;
}

function order(number: number, accountSequence: number): IndexedOrder {
  return {
    orderId: spreadId(number) as OrderId,
    userId: account(number),
    symbol: 'AAPL' as Symbol,
    side: 'BUY',
    type: 'MARKET',
    timeInForce: 'DAY',
    quantity: 10_000_000_000n as Quantity,
    notional: null,
    limitPrice: null,
    clientOrderId: null,
    status: accountSequence === 0 ? 'ACCEPTED' : 'NEW',
    filledQuantity: 0n as Quantity,
    averageFillPrice: null,
    reason: null,
    bodyDigest: accountSequence === 0 ? spreadId(number) : '',
    createdAtMs: 1_549_895_400_000 + number,
    updatedAtMs: 1_549_895_400_000 + number,
    accountSequence,
  };
}

function statementLine(number: number): StatementLine {
  return {
    entryId: `entry-${spreadId(number)}`,
    accountId: account(number),
    sequence: number,
    kind: 'FILL',
    reference: spreadId(number),
    symbol: 'AAPL' as Symbol,
    cashChange: -1_871_200_000_010n as Money,
    quantityChange: 10_000_000_000n as Quantity,
    price: 187_120_000_001n as Price,
    cashAfter: 98_128_799_999_990n as Money,
    atMs: 1_549_895_400_000 + number,
    note: null,
  };
}
