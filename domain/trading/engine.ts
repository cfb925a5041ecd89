/**
 * The core: one function per partition of accounts, `(state, input) → outputs`, over the records of `trade_orders`.
 *
 * It has no clock, no randomness and no I/O, and imports nothing but the words of `domain/data`, so it runs in a bare
 * V8. Time is the running maximum of its inputs' times. It never knows who calls it, where its inputs are kept, or which
 * venue beside the feed's exists. It judges every input and throws only for its own bugs.
 *
 * ```
 *   input ─▶ clock ─▶ DAY orders and quiet periods that are due end ─▶ the input's own effect ─▶ breakers ─▶ outputs
 *                          SubmitOrder: idempotency ─▶ risk ─▶ reserve ─▶ feed venue ─▶ settle ─▶ books
 *                          PriceBatch: new price ─▶ resting orders, in order of acceptance ─▶ settle ─▶ books
 * ```
 */
import type {
  AccountHalt,
  AccountStateEntity,
  ControlsEntity,
  EntityChange,
} from '#domain/data/account-state.ts';
import type { CommandId } from '#domain/data/identifiers.ts';
import type { TradingOutput } from '#domain/data/trading-events.ts';
import type { CancelOrder, PriceBatch, SubmitOrder, TradingInput } from '#domain/data/trading-inputs.ts';
import { deposit, openAccount, withdraw } from './accounts.ts';
import { endQuietPeriods, tripLosers } from './breaker.ts';
import { applyControl } from './controls.ts';
import { createState } from './create-state.ts';
import { assertEverything } from './invariants.ts';
import { cancelOrder, expireOrders, submitOrder } from './orders.ts';
import { prefetch } from './prefetch.ts';
import { applyPriceBatch } from './price-book.ts';
import { PartitionRestore, restoreState } from './restore.ts';
import { hashState, takeChanges } from './snapshot.ts';
import type { PartitionState } from './state.ts';
import type { Step } from './step.ts';
import { applyVenueEvent } from './venue-events.ts';

export type { PartitionState };
export { PartitionRestore };

/** An empty partition, with the default controls. */
export function createPartition(partition: number): PartitionState {
  return createState(partition);
}

/**
 * Applies one input to the state that it owns and says what came of it, in order, at the end of `outputs`, which it
 * gives back: whoever applies many inputs hands in one list. Each case reads its input's fields itself: read in one
 * place for all kinds, each field would have to be searched for.
 */
export function applyInput(
  state: PartitionState,
  input: TradingInput,
  outputs: TradingOutput[] = [],
): readonly TradingOutput[] {
  switch (input.type) {
    case 'SubmitOrder': {
      const step = begin(state, input.commandId, input.timeMs, input.ingestTimeMs, outputs);
      submitOrder(step, input);
      if (step.losers !== null) tripLosers(step, step.losers);
      return outputs;
    }
    case 'CancelOrder': {
      const step = begin(state, input.commandId, input.timeMs, input.ingestTimeMs, outputs);
      cancelOrder(step, input);
      return outputs;
    }
    case 'PriceBatch': {
      const step = begin(state, input.commandId, input.timeMs, input.ingestTimeMs, outputs);
      applyPriceBatch(step, input);
      if (step.losers !== null) tripLosers(step, step.losers);
      return outputs;
    }
    default: {
      const step = begin(state, input.commandId, input.timeMs, input.ingestTimeMs, outputs);
      applyRareInput(step, input);
      if (step.losers !== null) tripLosers(step, step.losers);
      return outputs;
    }
  }
}

/** So many are prefetched at a time: enough to be waited for together, few enough to be near still when applied. */
export const INPUTS_IN_GROUP = 64;

/** Brings near what a group of inputs, to be applied next, will read. Changes nothing. */
export function prefetchInputs(state: PartitionState, inputs: readonly TradingInput[]): void {
  prefetch(state, inputs);
}

/** The clock, and what it ends. */
function begin(
  state: PartitionState,
  cause: CommandId,
  timeMs: number,
  ingestTimeMs: number,
  outputs: TradingOutput[],
): Step {
  const outputsBefore = outputs.length;
  const step: Step = { state, cause, ingestTimeMs, outputs, outputsBefore, losers: null };
  if (timeMs > state.clockMs) state.clockMs = timeMs;
  state.countersTracking.stale = true;
  state.countersTracking.changed = true;
  if (state.clockMs >= state.nextExpiryMs) expireOrders(step);
  if (state.clockMs >= state.nextQuietEndMs) endQuietPeriods(step);
  return step;
}

type RareInput = Exclude<TradingInput, SubmitOrder | CancelOrder | PriceBatch>;

function applyRareInput(step: Step, input: RareInput): void {
  switch (input.type) {
    case 'OpenAccount':
      openAccount(step, input);
      return;
    case 'Deposit':
      deposit(step, input);
      return;
    case 'Withdraw':
      withdraw(step, input);
      return;
    case 'Control':
      applyControl(step, input);
      return;
    case 'VenueEvent':
      applyVenueEvent(step, input);
      return;
  }
}

/** The entities that have changed or gone since the last call; account heads come last. */
export function takeChangedEntities(state: PartitionState): readonly EntityChange[] {
  return takeChanges(state);
}

/** The hash of everything in the state: 32 hexadecimal digits, the same however the inputs were batched. */
export function stateHash(state: PartitionState): string {
  return hashState(state);
}

/**
 * The state that the folded entities describe: same hash, same future. Throws `InvariantViolation` when they are no
 * whole snapshot.
 */
export function restorePartition(partition: number, entities: Iterable<AccountStateEntity>): PartitionState {
  return restoreState(partition, entities);
}

/** Checks every invariant from scratch; throws `InvariantViolation`. Slow. */
export function assertInvariants(state: PartitionState): void {
  assertEverything(state);
}

/** The accounts whose own kill switch is engaged or whose breaker is not open. Looks at every account. */
export function haltedAccounts(state: PartitionState): readonly AccountHalt[] {
  const halts: AccountHalt[] = [];
  for (const { accountId, killSwitchEngaged, breaker } of state.accounts.values()) {
    if (killSwitchEngaged || breaker.state !== 'OPEN') halts.push({ accountId, killSwitchEngaged, breaker });
  }
  return halts;
}

/** The latest market time of an input so far, ms; 0 before the first. */
export function currentTimeMs(state: PartitionState): number {
  return state.clockMs;
}

/** What the controls have set so far, or the defaults. */
export function currentControls(state: PartitionState): ControlsEntity {
  return state.controls;
}
