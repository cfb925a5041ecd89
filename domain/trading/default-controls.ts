/**
 * What holds before the first control has come: no fees, since nobody has set any, and limits that a first day can be
 * traded under and a slipped digit cannot pass.
 */
import type { ControlsEntity } from '#domain/data/account-state.ts';
import { type Money, ONE, type Quantity, type Rate, ZERO_MONEY } from '#domain/data/decimal.ts';
import type { FeeSchedule, TradingLimits } from '#domain/data/trading-inputs.ts';

export const NO_FEES: FeeSchedule = {
  perShare: ZERO_MONEY,
  rate: 0n as Rate,
  minimumPerOrder: ZERO_MONEY,
};

export const DEFAULT_LIMITS: TradingLimits = {
  maxPriceAgeMs: 60_000,
  maxOpenOrdersPerAccount: 200,
  maxOrderNotional: (1_000_000n * ONE) as Money,
  maxOrderQuantity: (100_000n * ONE) as Quantity,
  /** Three per cent. */
  marketBuyCollar: ((3n * ONE) / 100n) as Rate,
  maxDailyLoss: (100_000n * ONE) as Money,
  breakerQuietPeriodMs: 300_000,
};

export const DEFAULT_CONTROLS: ControlsEntity = {
  kind: 'controls',
  fees: NO_FEES,
  limits: DEFAULT_LIMITS,
  rulesVersion: 1,
  killSwitchEngaged: false,
};
