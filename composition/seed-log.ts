/**
 * Fills the log of a fresh data folder with accounts and orders, as inputs that execution has yet to take: how a large
 * installation is had in a minute, for measuring. Used by `tradehall bench` alone.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Price, parsePrice, parseQuantity, type Quantity } from '#domain/data/decimal.ts';
import {
  type AccountId,
  type CommandId,
  type EventId,
  type OrderId,
  parseAccountId,
  parseOrderId,
  parseSymbol,
  type Symbol,
} from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { NewRecord } from '#infrastructure/event-log/event-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { DATA_PATHS } from './data-paths.ts';

export interface Seed {
  readonly accounts: number;
  /** Market buys of one share, each filled at once. */
  readonly ordersPerAccount: number;
}

const PARTITIONS = 4;
const RECORDS_PER_APPEND = 5_000;
/** An account trades few symbols often; each is a position that execution keeps in memory. */
const SYMBOLS_PER_ACCOUNT = 2;
const TIME_MS = Date.UTC(2019, 1, 11, 15);
const SYMBOLS = ['AAPL', 'AMZN', 'BAC', 'JPM', 'MSFT', 'MU', 'QQQ', 'SPY', 'TSLA', 'V'];

function required<Value>(value: Value | null): Value {
  if (value === null) throw new TypeError('a seed is made of valid words');
  return value;
}

const symbols: readonly Symbol[] = SYMBOLS.map((name) => required(parseSymbol(name)));

function uuid(kind: number, index: number): string {
  return `00000000-0000-4000-${(0x8000 + kind).toString(16)}-${index.toString(16).padStart(12, '0')}`;
}

/** As long as a real one: what execution keeps of an order depends on it. */
function digestOf(orderId: OrderId): string {
  return createHash('sha256').update(orderId).digest('hex');
}

function priceOf(text: string): Price {
  const parsed = parsePrice(text);
  return required(parsed.kind === 'decimal' ? parsed.value : null);
}

function quantityOf(text: string): Quantity {
  const parsed = parseQuantity(text);
  return required(parsed.kind === 'decimal' ? parsed.value : null);
}

function prices(): TradingInput {
  const stamp = { timeMs: TIME_MS, ingestTimeMs: TIME_MS };
  return {
    type: 'PriceBatch',
    commandId: 'seed-prices' as CommandId,
    ...stamp,
    prices: symbols.map((symbol) => ({
      symbol,
      sequence: 1,
      eventId: `seed-${symbol}` as EventId,
      feedTimestampMs: TIME_MS,
      price: priceOf('100'),
      bid: priceOf('99.99'),
      bidSize: quantityOf('1000000'),
      ask: priceOf('100.01'),
      askSize: quantityOf('1000000'),
      tradedSize: quantityOf('1000000'),
      low: priceOf('99'),
      high: priceOf('101'),
    })),
  };
}

function* accountInputs(index: number, { ordersPerAccount }: Seed): Generator<TradingInput> {
  const stamp = { timeMs: TIME_MS, ingestTimeMs: TIME_MS };
  const accountId: AccountId = required(parseAccountId(uuid(1, index)));
  yield {
    type: 'OpenAccount',
    commandId: uuid(2, index) as CommandId,
    ...stamp,
    accountId,
    name: `Seed ${index}`,
  };
  yield {
    type: 'Deposit',
    commandId: uuid(3, index) as CommandId,
    ...stamp,
    accountId,
    amount: 1_000_000_000_000_000n as never,
  };
  for (let number = 0; number < ordersPerAccount; number += 1) {
    const orderId: OrderId = required(parseOrderId(uuid(4, index * ordersPerAccount + number)));
    yield {
      type: 'SubmitOrder',
      commandId: orderId as string as CommandId,
      ...stamp,
      orderId,
      accountId,
      symbol: required(symbols[(index + (number % SYMBOLS_PER_ACCOUNT)) % symbols.length] ?? null),
      side: 'BUY',
      terms: { type: 'MARKET', quantity: quantityOf('1') },
      timeInForce: 'GTC',
      clientOrderId: null,
      bodyDigest: digestOf(orderId),
    };
  }
}

/** The folder must be fresh; the first start then executes everything. */
export async function seedLog(dataFolder: string, seed: Seed, tell: (line: string) => void): Promise<void> {
  const logger = createLogger({
    level: 'error',
    format: 'text',
    write: (text) => process.stderr.write(text),
  });
  const directory = join(dataFolder, DATA_PATHS.log);
  const log = await openSqliteEventLog({ directory, runtime: createSystemRuntime(), logger });
  const context = { sourceService: 'seed' };
  try {
    await log.ensureTopics(
      tradehallTopics({
        partitions: PARTITIONS,
        marketDataRetentionMs: 7 * 86_400_000,
        tradingRetentionMs: 'forever',
        tombstoneMs: 86_400_000,
      }),
    );
    const batch = encodeTradingInput(prices(), context);
    await log.append(
      Array.from(
        { length: PARTITIONS },
        (_unused, partition): NewRecord => ({
          topic: TOPIC.tradeOrders,
          partition,
          key: null,
          value: batch,
        }),
      ),
    );
    let records: NewRecord[] = [];
    for (let index = 0; index < seed.accounts; index += 1) {
      for (const input of accountInputs(index, seed)) {
        records.push({
          topic: TOPIC.tradeOrders,
          key: uuid(1, index),
          value: encodeTradingInput(input, context),
        });
      }
      if (records.length < RECORDS_PER_APPEND && index < seed.accounts - 1) continue;
      await log.append(records);
      records = [];
      if (index % 10_000 < 500) tell(`${index + 1} accounts seeded`);
    }
  } finally {
    await log.close();
  }
}
