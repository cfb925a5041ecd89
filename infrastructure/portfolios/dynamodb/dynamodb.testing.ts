/** Tables of a test's own on the shared emulator, and the largest account there is. */
import { randomUUID } from 'node:crypto';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import { sharedServer } from '#tests/support/servers.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { portfolio } from '../portfolios.contract.ts';
import type { Portfolio } from '../portfolios.ts';

process.env['AWS_ACCESS_KEY_ID'] = 'tests';
process.env['AWS_SECRET_ACCESS_KEY'] = 'tests';
const url = await sharedServer('dynamodb');
export const { endpoint: ENDPOINT = '' } = serverOptions(url).address.parameters;

/** With time for an emulator that shares its processors: only tests of a server that hangs wait for less. */
export function options(table: string, endpoint = ENDPOINT, region = 'eu-central-1') {
  return { ...serverOptions(`dynamodb://${region}/${table}?endpoint=${endpoint}`), timeoutMs: 20_000 };
}

export const newTable = (): string => `portfolios-${randomUUID()}`;

/** `count` symbols whose names and amounts are as long as they get. */
export function large(version: number, count: number): Portfolio {
  const symbols = Array.from({ length: count }, (_, at) => `S${String(at).padStart(15, '0')}` as Symbol);
  const most = 9_223_372_036_854_775_807n;
  return portfolio(1, version, {
    holdings: new Map(
      symbols.map((symbol) => [
        symbol,
        { quantity: most as Quantity, costBasis: most as Money, realisedProfit: -most as Money },
      ]),
    ),
    sharesReserved: new Map(symbols.map((symbol) => [symbol, most as Quantity])),
  });
}
