/**
 * The core alone: orders a second on one thread. Market buys and sales, limits and cancels over 1,000 accounts and
 * 24 symbols, a price batch every 64 orders, and what a commit takes every 512.
 */

import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { applyInput, createPartition, stateHash, takeChangedEntities } from './engine.ts';
import { createInputs, limit, market, price, quantity, ticker } from './fixtures/inputs.ts';

const ACCOUNTS = 1_000;
const SYMBOLS = 24;
const BATCH = 512;

export interface CoreBenchResult {
  readonly orders: number;
  readonly outputs: number;
  readonly entities: number;
  readonly seconds: number;
  readonly ordersPerSecond: number;
  readonly stateHash: string;
}

/** The inputs are made beforehand; what is timed is `applyInput` and `takeChangedEntities`. */
export function run(orders = 400_000): CoreBenchResult {
  const { opening, traffic } = prepare(orders);
  const state = createPartition(0);
  for (const input of opening) applyInput(state, input);
  takeChangedEntities(state);
  let outputs = 0;
  let entities = 0;
  const startedAt = process.hrtime.bigint();
  let inBatch = 0;
  for (const input of traffic) {
    outputs += applyInput(state, input).length;
    inBatch += 1;
    if (inBatch < BATCH) continue;
    entities += takeChangedEntities(state).length;
    inBatch = 0;
  }
  entities += takeChangedEntities(state).length;
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  return {
    orders,
    outputs,
    entities,
    seconds,
    ordersPerSecond: Math.round(orders / seconds),
    stateHash: stateHash(state),
  };
}

function prepare(orders: number) {
  const inputs = createInputs();
  // xorshift32: the same traffic on every machine.
  let random = 0x9e3779b9;
  const below = (bound: number) => {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    return (random >>> 0) % bound;
  };
  const opening: TradingInput[] = [];
  for (let account = 0; account < ACCOUNTS; account += 1) {
    opening.push(inputs.open(account), inputs.deposit(account, '50000000'));
  }
  const cents = Array.from({ length: SYMBOLS }, () => 5_000 + below(20_000));
  const nextBatch = () =>
    inputs.batch(
      ...cents.map((_, symbol) => {
        const moved = Math.max(1_000, (cents[symbol] ?? 0) + below(21) - 10);
        cents[symbol] = moved;
        const last = price(`${moved / 100}`);
        return inputs.price('1', {
          symbol: ticker(`S${symbol}`),
          price: last,
          bid: price(`${(moved - 1) / 100}`),
          bidSize: quantity('5000'),
          ask: price(`${(moved + 1) / 100}`),
          askSize: quantity('5000'),
          low: price(`${(moved - 5) / 100}`),
          high: price(`${(moved + 5) / 100}`),
        });
      }),
    );
  const traffic: TradingInput[] = [nextBatch()];
  const resting: [number, number][] = [];
  for (let order = 0; order < orders; order += 1) {
    if (order % 64 === 63) {
      inputs.at(order);
      traffic.push(nextBatch());
    }
    const account = below(ACCOUNTS);
    const symbol = below(SYMBOLS);
    const more = { symbol: `S${symbol}`, digest: `${order}`.padStart(32, 'd') };
    const dice = below(100);
    const shares = `${1 + below(20)}${below(4) === 0 ? '.125' : ''}`;
    if (dice < 45) traffic.push(inputs.submit(account, order, 'BUY', market(shares), more));
    else if (dice < 75) traffic.push(inputs.submit(account, order, 'SELL', market('1'), more));
    else {
      const away = `${((cents[symbol] ?? 0) - 3 - below(200)) / 100}`;
      traffic.push(inputs.submit(account, order, 'BUY', limit(shares, away), more));
      resting.push([account, order]);
    }
    if (dice >= 88) {
      const [owner, id] = resting.splice(below(resting.length), 1)[0] ?? [account, order];
      traffic.push(inputs.cancel(owner, id));
    }
  }
  return { opening, traffic };
}

if (import.meta.main) console.log(JSON.stringify(run()));
