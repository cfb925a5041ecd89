/**
 * The core alone: orders a second on one thread, with what a commit takes every 512 inputs. Twice: with a price batch
 * every 6,000 orders, which is one per 20 ms at 300,000 orders/s, and with one every 64, where prices are half of it.
 *
 * Inputs are made a few at a time, just before they are applied, as a decoder would; what is timed is `prefetchInputs`,
 * `applyInput` and `takeChangedEntities`, on a warm engine. The CPU's time is that of all threads (garbage collection among them), and
 * unlike the wall clock's it hardly depends on what else the machine does.
 */
import type { TradingOutput } from '#domain/data/trading-events.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import {
  applyInput,
  createPartition,
  INPUTS_IN_GROUP,
  type PartitionState,
  prefetchInputs,
  stateHash,
  takeChangedEntities,
} from './engine.ts';
import { createTraffic } from './fixtures/traffic.testing.ts';

const ORDERS_PER_BATCH = 6_000;
const DENSE_ORDERS_PER_BATCH = 64;
const COMMIT = 512;
/** Few, so that they are as near when they are applied as what has just been decoded; an owner's groups. */
const CHUNK = INPUTS_IN_GROUP;
/** After so many V8 compiles nearly nothing more; until then its compiler's threads take as long as the engine. */
const WARM_UP_ORDERS = 200_000;

export interface CoreBenchResult {
  readonly orders: number;
  /** By the wall clock. */
  readonly ordersPerSecond: number;
  readonly ordersPerCpuSecond: number;
  readonly denseOrdersPerSecond: number;
  readonly denseOrdersPerCpuSecond: number;
  readonly outputsPerOrder: number;
  readonly entitiesPerOrder: number;
  readonly stateHash: string;
}

export function run(orders = 400_000): CoreBenchResult {
  const usual = measure(orders, ORDERS_PER_BATCH);
  const dense = measure(orders, DENSE_ORDERS_PER_BATCH);
  return {
    orders: usual.orders,
    ordersPerSecond: Math.round(usual.orders / usual.wallSeconds),
    ordersPerCpuSecond: Math.round(usual.orders / usual.cpuSeconds),
    denseOrdersPerSecond: Math.round(dense.orders / dense.wallSeconds),
    denseOrdersPerCpuSecond: Math.round(dense.orders / dense.cpuSeconds),
    outputsPerOrder: Math.round((100 * usual.outputs) / usual.orders) / 100,
    entitiesPerOrder: Math.round((100 * usual.entities) / usual.orders) / 100,
    stateHash: usual.stateHash,
  };
}

function measure(orders: number, ordersPerBatch: number) {
  const traffic = createTraffic(ordersPerBatch);
  const state = createPartition(0);
  sinceCommit = 0;
  said = [];
  applyAll(state, traffic.opening());
  for (let warm = 0; warm < WARM_UP_ORDERS; warm += CHUNK) applyAll(state, traffic.next(CHUNK));
  let outputs = 0;
  let entities = 0;
  let wallNanoseconds = 0n;
  let cpuMicroseconds = 0;
  let submitted = 0;
  while (submitted < orders) {
    const inputs = traffic.next(CHUNK);
    for (const input of inputs) if (input.type === 'SubmitOrder') submitted += 1;
    const cpuBefore = process.cpuUsage();
    const before = process.hrtime.bigint();
    const came = applyAll(state, inputs);
    wallNanoseconds += process.hrtime.bigint() - before;
    const cpu = process.cpuUsage(cpuBefore);
    cpuMicroseconds += cpu.user + cpu.system;
    outputs += came.outputs;
    entities += came.entities;
  }
  return {
    orders: submitted,
    outputs,
    entities,
    wallSeconds: Number(wallNanoseconds) / 1e9,
    cpuSeconds: cpuMicroseconds / 1e6,
    stateHash: stateHash(state),
  };
}

let sinceCommit = 0;
/** What the inputs of a commit have led to. */
let said: TradingOutput[] = [];

/** Applies `inputs` and takes what each commit would. */
function applyAll(state: PartitionState, inputs: readonly TradingInput[]) {
  let outputs = 0;
  let entities = 0;
  prefetchInputs(state, inputs);
  for (const input of inputs) {
    applyInput(state, input, said);
    sinceCommit += 1;
    if (sinceCommit < COMMIT) continue;
    sinceCommit = 0;
    outputs += said.length;
    said = [];
    entities += takeChangedEntities(state).length;
  }
  return { outputs, entities };
}

if (import.meta.main) console.log(JSON.stringify(run()));
