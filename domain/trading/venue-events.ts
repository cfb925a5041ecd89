/**
 * What venues outside say, as records in the sequence: each applied once by its source's number, settled later through
 * clearing. One that is late, unknown, or contradicts its order is an outcome (`venue_event_ignored`), never an error:
 * the owner of that venue reconciles it.
 */
import type { VenueEvent } from '#domain/data/trading-inputs.ts';
import { closeOrder, describe, describeAbsent, findOpen, openStatus } from './order.ts';
import { settleFill } from './settlement.ts';
import type { PartitionState, VenueSource } from './state.ts';
import type { Step } from './step.ts';
import { touch, untracked } from './tracking.ts';

/** Events of a source beyond these are ignored, and say so. */
export const MAX_VENUE_SOURCES = 1_000;

export function applyVenueEvent(step: Step, input: VenueEvent): void {
  const { state } = step;
  const { accountId, orderId, decision } = input;
  const source = sourceOf(state, input.source);
  if (source === null) {
    const reason = `too_many_sources: ${MAX_VENUE_SOURCES} venues at most`;
    describeAbsent(step, accountId, orderId, 'venue_event_ignored', reason);
    return;
  }
  if (input.sourceSequence <= source.lastSequence) return;
  source.lastSequence = input.sourceSequence;
  touch(source, state.changes.sources);
  const order = findOpen(state, orderId);
  if (order === null || order.account.accountId !== accountId) {
    describeAbsent(
      step,
      accountId,
      orderId,
      'venue_event_ignored',
      `unknown_order: ${decision.kind} is about no order of the account`,
      `order_closed: ${decision.kind} came after the order had ended`,
    );
    return;
  }
  switch (decision.kind) {
    case 'Accepted':
      return;
    case 'Filled': {
      const contradiction = settleFill(step, order, decision, null);
      if (contradiction === null) return;
      describe(step, order, 'venue_event_ignored', openStatus(order), contradiction);
      return;
    }
    case 'Canceled':
      closeOrder(step, order, 'CANCELED', decision.reason);
      return;
    case 'Rejected':
      closeOrder(step, order, 'REJECTED', decision.reason);
      return;
    case 'CancelRejected':
      describe(step, order, 'cancel_rejected', openStatus(order), decision.reason);
      return;
  }
}

function sourceOf(state: PartitionState, name: string): VenueSource | null {
  const known = state.sources.get(name);
  if (known !== undefined) return known;
  if (state.sources.size >= MAX_VENUE_SOURCES) return null;
  const source: VenueSource = { ...untracked(), source: name, lastSequence: 0 };
  state.sources.set(name, source);
  touch(source, state.changes.sources);
  return source;
}
