/**
 * Accounts: opening, depositing, withdrawing. Each command is answered once: the same command id again is nothing
 * when it says the same, and a denial when it says something else. Opening is also once per account id.
 */
import { formatDecimal, type Money, sumFits } from '#domain/data/decimal.ts';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import type { LedgerEntry } from '#domain/data/trading-events.ts';
import type { Deposit, OpenAccount, Withdraw } from '#domain/data/trading-inputs.ts';
import { Account } from './holdings.ts';
import { postTransfer } from './ledger.ts';
import type { PartitionState } from './state.ts';
import { emitLedgerEntry, type Step } from './step.ts';

/** Empty. */
export function addAccount(state: PartitionState, accountId: AccountId, name: string): Account {
  const account = new Account(accountId, name, state.accounts.size, state.accountRows);
  account.updatedAtMs = state.clockMs;
  state.accounts.add(accountId, account);
  account.touch(state.changes.accounts);
  return account;
}

export function openAccount(step: Step, input: OpenAccount): void {
  const { state } = step;
  if (answered(state, input.commandId, `open ${input.accountId}`) !== 'first') return;
  if (state.accounts.has(input.accountId)) return;
  const account = addAccount(state, input.accountId, input.name);
  emitLedgerEntry(step, account.accountId, account, 'OPENED', input.commandId, [], null, null, input.name);
}

export function deposit(step: Step, input: Deposit): void {
  const { state } = step;
  const { amount } = input;
  const answer = answered(state, input.commandId, `deposit ${input.accountId} ${formatDecimal(amount)}`);
  if (answer === 'repeat') return;
  const account = state.accounts.get(input.accountId);
  if (account === undefined) {
    refuse(step, input, null, 'DEPOSIT_DENIED', NOT_OPENED);
    return;
  }
  if (answer === 'conflict') {
    refuse(step, input, account, 'DEPOSIT_DENIED', CONFLICT);
    return;
  }
  if (amount <= 0n) {
    refuse(step, input, account, 'DEPOSIT_DENIED', NOT_POSITIVE);
    return;
  }
  if (!sumFits(account.cash, amount)) {
    refuse(step, input, account, 'DEPOSIT_DENIED', 'overflow: the cash would not fit 64 bits');
    return;
  }
  const postings = postTransfer(state, account, amount);
  emitLedgerEntry(step, account.accountId, account, 'DEPOSIT', input.commandId, postings, null, null, null);
}

export function withdraw(step: Step, input: Withdraw): void {
  const { state } = step;
  const { amount } = input;
  const answer = answered(state, input.commandId, `withdraw ${input.accountId} ${formatDecimal(amount)}`);
  if (answer === 'repeat') return;
  const account = state.accounts.get(input.accountId);
  if (account === undefined) {
    refuse(step, input, null, 'WITHDRAWAL_DENIED', NOT_OPENED);
    return;
  }
  if (answer === 'conflict') {
    refuse(step, input, account, 'WITHDRAWAL_DENIED', CONFLICT);
    return;
  }
  if (amount <= 0n) {
    refuse(step, input, account, 'WITHDRAWAL_DENIED', NOT_POSITIVE);
    return;
  }
  const available = (account.cash - account.cashReserved) as Money;
  if (amount > available) {
    const note = `insufficient_funds: needs ${formatDecimal(amount)}, available ${formatDecimal(available)}`;
    refuse(step, input, account, 'WITHDRAWAL_DENIED', note);
    return;
  }
  const postings = postTransfer(state, account, -amount as Money);
  emitLedgerEntry(
    step,
    account.accountId,
    account,
    'WITHDRAWAL',
    input.commandId,
    postings,
    null,
    null,
    null,
  );
}

const NOT_OPENED = 'unknown_account: no such account has been opened';
const CONFLICT = 'duplicate_conflict: this command id came before with another body';
const NOT_POSITIVE = 'invalid_amount: the amount must be above zero';

function refuse(
  step: Step,
  input: Deposit | Withdraw,
  account: Account | null,
  kind: LedgerEntry['kind'],
  note: string,
): void {
  emitLedgerEntry(step, input.accountId, account, kind, input.commandId, [], null, null, note);
}

/** Whether a command was answered before; remembers it when it was not. */
function answered(
  state: PartitionState,
  commandId: CommandId,
  fingerprint: string,
): 'first' | 'repeat' | 'conflict' {
  const known = state.accountCommands.fingerprintOf(commandId);
  if (known !== null) return known === fingerprint ? 'repeat' : 'conflict';
  state.accountCommands.add(commandId, fingerprint, state.lanes);
  return 'first';
}
