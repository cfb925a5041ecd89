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

/**
 * Inputs are made a few at a time, just before they are applied, as a decoder would; what is timed is `applyInput` and
 * `takeChangedEntities`.
 */
export function run(orders = 500_000): CoreBenchResult {
  const traffic = createTraffic();
  const state = createPartition(0);
  for (const input of traffic.opening()) applyInput(state, input);
  takeChangedEntities(state);
  let outputs = 0;
  let entities = 0;
  let nanoseconds = 0n;
  let submitted = 0;
  let inBatch = 0;
  while (submitted < orders) {
    const inputs = traffic.next(32);
    for (const input of inputs) if (input.type === 'SubmitOrder') submitted += 1;
    const startedAt = process.hrtime.bigint();
    for (const input of inputs) outputs += applyInput(state, input).length;
    inBatch += inputs.length;
    if (inBatch >= BATCH) {
      entities += takeChangedEntities(state).length;
      inBatch = 0;
    }
    nanoseconds += process.hrtime.bigint() - startedAt;
  }
  const seconds = Number(nanoseconds) / 1e9;
  return {
    orders: submitted,
    outputs,
    entities,
    seconds,
    ordersPerSecond: Math.round(submitted / seconds),
    stateHash: stateHash(state),
  };
}

function createTraffic() {
  const inputs = createInputs();
  // xorshift32: the same traffic on every machine.
  let random = 0x9e3779b9;
  const below = (bound: number) => {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    return (random >>> 0) % bound;
  };
  const cents = Array.from({ length: SYMBOLS }, () => 5_000 + below(20_000));
  const resting: [number, number][] = [];
  let made = 0;

  function nextBatch(): TradingInput {
    inputs.at(made);
    return inputs.batch(
      ...cents.map((before, symbol) => {
        const moved = Math.max(1_000, before + below(21) - 10);
        cents[symbol] = moved;
        return inputs.price('1', {
          symbol: ticker(`S${symbol}`),
          price: price(`${moved / 100}`),
          bid: price(`${(moved - 1) / 100}`),
          bidSize: quantity('5000'),
          ask: price(`${(moved + 1) / 100}`),
          askSize: quantity('5000'),
          low: price(`${(moved - 5) / 100}`),
          high: price(`${(moved + 5) / 100}`),
        });
      }),
    );
  }

  function addOrder(traffic: TradingInput[]): void {
    const order = made;
    made += 1;
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
    if (dice < 88 && resting.length < 10_000) return;
    const at = below(resting.length);
    const [owner, id] = resting[at] ?? [account, order];
    const last = resting.pop();
    if (last !== undefined && at < resting.length) resting[at] = last;
    traffic.push(inputs.cancel(owner, id));
  }

  return {
    opening(): TradingInput[] {
      const opening: TradingInput[] = [];
      for (let account = 0; account < ACCOUNTS; account += 1) {
        opening.push(inputs.open(account), inputs.deposit(account, '50000000'));
      }
      opening.push(nextBatch());
      return opening;
    },
    next(count: number): TradingInput[] {
      const traffic: TradingInput[] = [];
      while (traffic.length < count) {
        if (made % 64 === 63) traffic.push(nextBatch());
        addOrder(traffic);
      }
      // A decoder gives flat texts; these were put together and still lie in pieces.
      for (const input of traffic) {
        if ('orderId' in input) input.orderId.charCodeAt(0);
        if ('accountId' in input) input.accountId.charCodeAt(0);
      }
      return traffic;
    },
  };
}

if (import.meta.main) console.log(JSON.stringify(run()));
