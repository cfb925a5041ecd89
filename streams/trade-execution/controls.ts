/** What has to be told to a partition so that its fees and limits are those of the configuration. Pure. */
import type { ControlsEntity } from '#domain/data/account-state.ts';
import type { CommandId } from '#domain/data/identifiers.ts';
import type { Control, ControlChange, FeeSchedule, TradingLimits } from '#domain/data/trading-inputs.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';

export interface WantedControls {
  readonly fees: FeeSchedule;
  readonly limits: TradingLimits;
}

/** Stands for the contents of a control: equal texts, equal controls. */
function textOf(change: FeeSchedule | TradingLimits): string {
  return Object.entries(change)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(';');
}

/**
 * The controls for what differs. Ids follow from the contents and from how far the partition had come, so that an
 * owner which crashes after the append and starts again repeats the same command.
 */
export function controlsFor(
  state: { readonly partition: number; readonly controls: ControlsEntity; readonly inputsApplied: number },
  wanted: WantedControls,
  time: { readonly timeMs: number; readonly ingestTimeMs: number },
): readonly Control[] {
  const changes: ControlChange[] = [];
  if (textOf(state.controls.fees) !== textOf(wanted.fees))
    changes.push({ kind: 'SetFees', fees: wanted.fees });
  if (textOf(state.controls.limits) !== textOf(wanted.limits)) {
    changes.push({ kind: 'SetLimits', limits: wanted.limits });
  }
  return changes.map((change) => ({
    type: 'Control',
    commandId: derivedUuid(
      'control',
      String(state.partition),
      String(state.inputsApplied),
      change.kind,
      textOf(change.kind === 'SetFees' ? wanted.fees : wanted.limits),
    ) as CommandId,
    ...time,
    change,
  }));
}
