/** The core's face. (Bodies land in this folder's other files.) */
import type { AccountStateEntity, ControlsEntity } from '#domain/data/account-state.ts';
import type { TradingOutput } from '#domain/data/trading-events.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import type { PartitionState } from './state.ts';
export type { PartitionState };
export interface EntityChange { readonly key: string; readonly entity: AccountStateEntity | null }
function missing(): never { throw new Error('the core has not landed yet'); }
export function createPartition(_partition: number): PartitionState { return missing(); }
export function applyInput(_state: PartitionState, _input: TradingInput): readonly TradingOutput[] { return missing(); }
export function takeChangedEntities(_state: PartitionState): readonly EntityChange[] { return missing(); }
export function stateHash(_state: PartitionState): string { return missing(); }
export function restorePartition(_partition: number, _entities: Iterable<AccountStateEntity>): PartitionState { return missing(); }
export function assertInvariants(_state: PartitionState): void { missing(); }
export function currentControls(_state: PartitionState): ControlsEntity { return missing(); }
