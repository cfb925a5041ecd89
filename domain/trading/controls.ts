/** Controls: fees, limits, rules version, kill switch, breakers. They come in the sequence like everything else. */
import type { Control } from '#domain/data/trading-inputs.ts';
import { changeBreaker } from './breaker.ts';
import type { Account } from './holdings.ts';
import { cancelOrders } from './orders.ts';
import { emitLedgerEntry, type Step } from './step.ts';

const HALTED = 'kill_switch: trading is halted';

export function applyControl(step: Step, input: Control): void {
  const { state } = step;
  const { change } = input;
  switch (change.kind) {
    case 'SetFees': {
      const { fees } = change;
      // A fee that pays the trader is no fee. The wire cannot say it; the schedule in force stays.
      if (fees.perShare < 0n || fees.rate < 0n || fees.minimumPerOrder < 0n) return;
      state.controls = { ...state.controls, fees };
      break;
    }
    case 'SetLimits':
      state.controls = { ...state.controls, limits: change.limits };
      break;
    case 'SetRulesVersion':
      state.controls = { ...state.controls, rulesVersion: change.rulesVersion };
      break;
    case 'SetKillSwitch': {
      if (change.accountId === null) {
        state.controls = { ...state.controls, killSwitchEngaged: change.engaged };
        if (change.engaged) cancelOrders(step, state.workingOrders.listed(), HALTED);
        break;
      }
      const account = state.accounts.get(change.accountId);
      if (account !== undefined && account.killSwitchEngaged !== change.engaged)
        haltAccount(step, account, change.engaged);
      return;
    }
    case 'SetBreaker': {
      const account = state.accounts.get(change.accountId);
      if (account !== undefined) changeBreaker(step, account, change);
      return;
    }
  }
  state.controlsTracking.stale = true;
  state.controlsTracking.changed = true;
}

/** An entry without postings, since whatever changes an account has a number of the account's own sequence. */
function haltAccount(step: Step, account: Account, engaged: boolean): void {
  const { cause } = step;
  account.killSwitchEngaged = engaged;
  emitLedgerEntry(
    step,
    account.accountId,
    account,
    engaged ? 'HALTED' : 'RESUMED',
    cause,
    [],
    null,
    null,
    null,
  );
  const open = step.state.workingOrders.listed();
  if (engaged)
    cancelOrders(
      step,
      open.filter((order) => order.account === account),
      HALTED,
    );
}
