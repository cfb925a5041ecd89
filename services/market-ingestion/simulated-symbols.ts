/**
 * The symbols of the simulated feed with the prices they start from, in cents: plausible round figures, not
 * anybody's quotation. New ones go to the end: a stored position counts on their order.
 */
// biome-ignore format: a table
export const SIMULATED_SYMBOLS: readonly (readonly [symbol: string, startCents: number])[] = [
  ['AAPL', 23_000], ['AMT', 21_000], ['AMZN', 22_000], ['BAC', 4500], ['BK', 8500], ['DFS', 18_000],
  ['GLD', 25_000], ['JPM', 24_500], ['MSFT', 43_000], ['MU', 11_000], ['PPLT', 9500], ['QQQ', 52_000],
  ['SBUX', 9500], ['SLV', 3000], ['SPY', 60_000], ['TRV', 25_000], ['TSLA', 35_000], ['TZA', 1400],
  ['UGA', 6500], ['VIX', 1800], ['VOO', 55_000], ['VXXB', 4500], ['V', 32_000], ['XLP', 8000], ['GOOGL', 18_000],
  ['META', 60_000], ['NVDA', 14_000], ['AVGO', 20_000], ['ORCL', 17_000], ['CRM', 30_000], ['ADBE', 45_000],
  ['NFLX', 90_000], ['AMD', 13_000], ['INTC', 2400], ['CSCO', 5800], ['QCOM', 16_000], ['TXN', 19_000],
  ['IBM', 22_500], ['MA', 52_000], ['WFC', 7200], ['GS', 58_000], ['MS', 12_500], ['C', 7200], ['UNH', 52_000],
  ['JNJ', 14_800], ['LLY', 80_000], ['PFE', 2600], ['MRK', 10_000], ['ABBV', 18_000], ['PG', 17_000],
  ['KO', 6300], ['PEP', 15_200], ['WMT', 9200], ['COST', 94_000], ['HD', 39_000], ['MCD', 29_500],
  ['NKE', 7600], ['DIS', 11_200], ['XOM', 11_000], ['CVX', 15_000], ['BA', 17_500], ['CAT', 37_000],
  ['GE', 17_500], ['T', 2250], ['VZ', 4050],
];
