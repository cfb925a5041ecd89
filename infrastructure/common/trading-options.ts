/**
 * The options on fees and limits. trade-execution turns them into `Control` records, and only those decide; the order
 * service estimates with the same numbers at the door. They are declared here because both declare them.
 */
import {
  type Money,
  parseMoney,
  parseQuantity,
  parseRate,
  type Quantity,
  type Rate,
} from '#domain/data/decimal.ts';
import type { FeeSchedule, TradingLimits } from '#domain/data/trading-inputs.ts';
import { type ConfigurationOf, integerOption, textOption } from '#infrastructure/core/options.ts';

type Declaration = Parameters<typeof textOption>[0];
type ParseDecimal<Value extends bigint> = (
  text: string,
) =>
  | { readonly kind: 'decimal'; readonly value: Value }
  | { readonly kind: 'refused'; readonly rule: string; readonly message: string };

function decimalOption<Value extends bigint>(
  declaration: Declaration,
  parse: ParseDecimal<Value>,
  allow: 'positive' | 'not-negative',
) {
  return textOption<Value>(declaration, (text) => {
    const parsed = parse(text);
    if (parsed.kind === 'refused') return parsed;
    if (parsed.value < 0n || (allow === 'positive' && parsed.value === 0n)) {
      const bound = allow === 'positive' ? 'above zero' : 'zero or more';
      return { kind: 'refused', rule: 'minimum', message: `must be ${bound}` };
    }
    return { kind: 'value', value: parsed.value };
  });
}

export const tradingOptions = {
  feePerShare: decimalOption<Money>(
    { name: 'fee_per_share', default: '0', unit: 'USD', sentence: 'What each share traded costs.' },
    parseMoney,
    'not-negative',
  ),
  feeRate: decimalOption<Rate>(
    {
      name: 'fee_rate',
      default: '0',
      sentence: 'What each fill costs, as a factor of its notional: 0.0005 is 5 basis points.',
    },
    parseRate,
    'not-negative',
  ),
  feeMinimum: decimalOption<Money>(
    { name: 'fee_minimum', default: '0', unit: 'USD', sentence: 'What an order that fills costs at least.' },
    parseMoney,
    'not-negative',
  ),
  maxPriceAgeMs: integerOption({
    name: 'max_price_age_ms',
    default: '900000',
    unit: 'ms',
    sentence: 'A price older than this, in market time, refuses an order.',
    minimum: 1,
    maximum: 31_536_000_000,
  }),
  maxOpenOrdersPerAccount: integerOption({
    name: 'max_open_orders_per_account',
    default: '1000',
    unit: 'orders',
    sentence: 'How many orders of one account may be open; more are denied.',
    minimum: 1,
    maximum: 100_000,
  }),
  maxOrderNotional: decimalOption<Money>(
    {
      name: 'max_order_notional',
      default: '10000000',
      unit: 'USD',
      sentence: 'What one order may be worth at most.',
    },
    parseMoney,
    'positive',
  ),
  maxOrderQuantity: decimalOption<Quantity>(
    {
      name: 'max_order_quantity',
      default: '1000000',
      unit: 'shares',
      sentence: 'How many shares one order may be for.',
    },
    parseQuantity,
    'positive',
  ),
  marketBuyCollar: decimalOption<Rate>(
    {
      name: 'market_buy_collar',
      default: '0.03',
      sentence:
        'How far above the ask, as a factor, a market buy reserves; and the worst price that it may pay.',
    },
    parseRate,
    'not-negative',
  ),
  maxDailyLoss: decimalOption<Money>(
    {
      name: 'max_daily_loss',
      default: '100000',
      unit: 'USD',
      sentence:
        'What an account may lose in a day of market time (from midnight UTC), realised and with fees, before its breaker trips.',
    },
    parseMoney,
    'not-negative',
  ),
  breakerQuietPeriodMs: integerOption({
    name: 'breaker_quiet_period_ms',
    default: '300000',
    unit: 'ms',
    sentence: 'How long, in market time, an account only sells after the reset of its breaker.',
    minimum: 1,
    maximum: 31_536_000_000,
  }),
} as const;

type TradingConfig = ConfigurationOf<typeof tradingOptions>;

export function feesOf(config: TradingConfig): FeeSchedule {
  return { perShare: config.feePerShare, rate: config.feeRate, minimumPerOrder: config.feeMinimum };
}

export function limitsOf(config: TradingConfig): TradingLimits {
  return {
    maxPriceAgeMs: config.maxPriceAgeMs,
    maxOpenOrdersPerAccount: config.maxOpenOrdersPerAccount,
    maxOrderNotional: config.maxOrderNotional,
    maxOrderQuantity: config.maxOrderQuantity,
    marketBuyCollar: config.marketBuyCollar,
    maxDailyLoss: config.maxDailyLoss,
    breakerQuietPeriodMs: config.breakerQuietPeriodMs,
  };
}
