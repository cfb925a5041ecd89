/**
 * What an order costs an owner of a partition without the log: its record is read, applied, and all that a commit
 * writes becomes bytes. Nanoseconds of the CPU's time for each of the five parts; inputs as in the bench of the core.
 */
import { entityKey } from '#domain/data/account-state-key.ts';
import { encodeAccountStateEntity } from '#domain/data/account-state-writer.ts';
import type { TradingOutput } from '#domain/data/trading-events.ts';
import { decodeTradingInput, encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { encodeTradingOutput } from '#domain/data/trading-output-codec.ts';
import {
  applyInput,
  createPartition,
  INPUTS_IN_GROUP,
  type PartitionState,
  prefetchInputs,
  takeChangedEntities,
} from './engine.ts';
import { createTraffic } from './fixtures/traffic.testing.ts';

const ORDERS_PER_BATCH = 6_000;
const COMMIT = 512;
const WARM_UP_ORDERS = 30_000;
const CONTEXT = { sourceService: 'trade-execution' } as const;

export interface PipelineBenchResult {
  readonly orders: number;
  readonly ordersPerCpuSecond: number;
  readonly decodeNs: number;
  readonly applyNs: number;
  readonly takeChangesNs: number;
  readonly encodeOutputsNs: number;
  readonly encodeEntitiesNs: number;
}

interface Spent {
  orders: number;
  decode: number;
  apply: number;
  take: number;
  encodeOutputs: number;
  encodeEntities: number;
}

export function run(orders = 100_000): PipelineBenchResult {
  const traffic = createTraffic(ORDERS_PER_BATCH);
  const state = createPartition(0);
  for (const input of traffic.opening()) applyInput(state, input);
  const warmUp = nothingSpent();
  while (warmUp.orders < WARM_UP_ORDERS) commit(state, traffic.next(COMMIT), warmUp);
  const spent = nothingSpent();
  while (spent.orders < orders) commit(state, traffic.next(COMMIT), spent);
  const each = (microseconds: number) => Math.round((microseconds * 1_000) / spent.orders);
  const all = spent.decode + spent.apply + spent.take + spent.encodeOutputs + spent.encodeEntities;
  return {
    orders: spent.orders,
    ordersPerCpuSecond: Math.round((spent.orders / all) * 1e6),
    decodeNs: each(spent.decode),
    applyNs: each(spent.apply),
    takeChangesNs: each(spent.take),
    encodeOutputsNs: each(spent.encodeOutputs),
    encodeEntitiesNs: each(spent.encodeEntities),
  };
}

function nothingSpent(): Spent {
  return { orders: 0, decode: 0, apply: 0, take: 0, encodeOutputs: 0, encodeEntities: 0 };
}

function commit(state: PartitionState, made: readonly TradingInput[], spent: Spent): void {
  const records = made.map((input) => encodeTradingInput(input, CONTEXT));
  const began = cpuMicroseconds();
  const inputs = records.map(readInput);
  const read = cpuMicroseconds();
  const outputs: TradingOutput[] = [];
  for (let from = 0; from < inputs.length; from += INPUTS_IN_GROUP) {
    const group = inputs.slice(from, from + INPUTS_IN_GROUP);
    prefetchInputs(state, group);
    for (const input of group) applyInput(state, input, outputs);
  }
  const applied = cpuMicroseconds();
  const changes = takeChangedEntities(state);
  const taken = cpuMicroseconds();
  for (const output of outputs) encodeTradingOutput(output, CONTEXT);
  const said = cpuMicroseconds();
  for (const change of changes) {
    entityKey(change);
    if (change.kind !== 'removed_order') encodeAccountStateEntity(change);
  }
  const written = cpuMicroseconds();
  for (const input of inputs) if (input.type === 'SubmitOrder') spent.orders += 1;
  spent.decode += read - began;
  spent.apply += applied - read;
  spent.take += taken - applied;
  spent.encodeOutputs += said - taken;
  spent.encodeEntities += written - said;
}

function readInput(record: Uint8Array): TradingInput {
  const decoded = decodeTradingInput(record);
  if (decoded.kind === 'unreadable') throw new Error(`what was written is readable: ${decoded.reason}`);
  return decoded.value;
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

if (import.meta.main) console.log(JSON.stringify(run()));
