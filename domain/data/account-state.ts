/**
 * The entities of `account_states`: what an owner restores from, and what the portfolio service reads.
 *
 * The topic is compacted; a record's key names the entity, its partition is that of the accounts. Of one commit,
 * an account's head (`account/{id}`) is written after that account's positions and orders, so that a reader who
 * applies an account's changes when its head arrives never shows half of a commit.
 */
import type { Money, Quantity } from './decimal.ts';
import type { AccountId, CommandId, Symbol } from './identifiers.ts';

/** Key: `account/{accountId}`. */
export interface AccountHeadEntity {
  readonly kind: 'account';
  readonly accountId: AccountId;
  readonly name: string;
  readonly cash: Money;
  /** Part of the cash that open buy orders have reserved. */
  readonly cashReserved: Money;
  /** The account's own sequence: the portfolio's version. */
  readonly sequence: number;
  readonly killSwitchEngaged: boolean;
  /** Over the account's head, positions and orders; hexadecimal. */
  readonly accountHash: string;
  /** Market time, ms. */
  readonly updatedAtMs: number;
}

/** Key: `position/{accountId}/{symbol}`. */
export interface PositionEntity {
  readonly kind: 'position';
  readonly accountId: AccountId;
  readonly symbol: Symbol;
  readonly quantity: Quantity;
  /** Part of the quantity that open sell orders have reserved. */
  readonly reserved: Quantity;
  readonly costBasis: Money;
  readonly realisedProfit: Money;
  /** How much of the last price batch's size this account has used. */
  readonly liquidityUsed: { readonly sequence: number; readonly bought: Quantity; readonly sold: Quantity };
}

/** Key: `head`. Written by the stream with every commit, after everything else. */
export interface PartitionHeadEntity {
  readonly kind: 'head';
  readonly partition: number;
  /** Offset of the next input of `trade_orders` to apply. Outside every hash. */
  readonly nextInputOffset: number;
  readonly lastCommandId: CommandId | null;
  /** How many inputs have been applied since the beginning. */
  readonly inputsApplied: number;
  readonly stateHash: string;
}
