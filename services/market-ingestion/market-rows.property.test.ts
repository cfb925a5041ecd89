import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDecimal } from '#domain/data/decimal.ts';
import { formatTimestamp, parseFeedTime } from '#domain/data/timestamp.ts';
import {
  MARKET_FILE_COLUMNS,
  type MarketFileKind,
  type MarketFileRow,
} from '#infrastructure/market-files/market-files.ts';
import { anyPrice, anyQuantity } from '#tests/support/arbitrary-events.ts';
import { barPath } from './bar-path.ts';
import { type BarRow, readMarketRow } from './market-rows.ts';

const ANY_TIME = Number.MAX_SAFE_INTEGER;

const anyKind = fc.constantFrom<MarketFileKind>('bars', 'trades', 'quotes');
const LINE = 17;

function rowOf(cells: readonly string[]): MarketFileRow {
  return {
    line: LINE,
    timeMs: parseFeedTime(cells[1] ?? ''),
    cells,
    trouble: null,
    original: new Uint8Array(),
  };
}

const anyBar: fc.Arbitrary<BarRow> = fc
  .tuple(fc.array(anyPrice, { minLength: 4, maxLength: 4 }), anyQuantity, fc.integer({ min: 0, max: 4e12 }))
  .chain(([prices, volume, timeMs]) => {
    const sorted = prices.toSorted((left, right) => (left < right ? -1 : 1));
    const [low, one, other, high] = sorted as [
      BarRow['low'],
      BarRow['open'],
      BarRow['close'],
      BarRow['high'],
    ];
    return fc.boolean().map(
      (swap): BarRow => ({
        kind: 'bars',
        symbol: 'AAPL' as BarRow['symbol'],
        timeMs,
        open: swap ? other : one,
        high,
        low,
        close: swap ? one : other,
        volume,
      }),
    );
  });

const barCells = (bar: BarRow) => [
  bar.symbol,
  formatTimestamp(bar.timeMs),
  ...[bar.open, bar.high, bar.low, bar.close, bar.volume].map(formatDecimal),
];

test('a bar that keeps the rules is read exactly', () => {
  fc.assert(
    fc.property(anyBar, (bar) => {
      assert.deepEqual(readMarketRow('bars', rowOf(barCells(bar)), ANY_TIME), { kind: 'row', row: bar });
    }),
  );
});

test('a cell of garbage is refused with the line, the column and a rule; nothing throws', () => {
  const garbage = fc.oneof(
    fc.string(),
    fc.constantFrom('', '-1', '0', '1e5', 'NaN', '１２', '99999999999', '1.0000000001'),
  );
  fc.assert(
    fc.property(anyKind, anyBar, fc.nat(), garbage, fc.string(), (kind, bar, pick, junk, symbol) => {
      const columns = MARKET_FILE_COLUMNS[kind];
      const sound =
        kind === 'bars'
          ? barCells(bar)
          : [bar.symbol, formatTimestamp(bar.timeMs), '5', '1', '5', '1'].slice(0, columns.length);
      const cells = [...sound];
      cells[pick % columns.length] = junk;
      const one = readMarketRow(kind, rowOf(cells), ANY_TIME);
      if (one.kind === 'refused') {
        assert.ok(one.reason.startsWith(`line ${LINE}: `));
        assert.ok(one.errors.length > 0);
        for (const { field, rule } of one.errors)
          assert.ok((columns as readonly string[]).includes(field) && rule !== '');
      }
      assert.equal(
        readMarketRow(kind, rowOf([symbol, junk, junk, junk, junk, junk, junk]), ANY_TIME).kind,
        'refused',
      );
    }),
    { numRuns: 300 },
  );
});

test('a bar outside its own extremes is refused by the edge that is', () => {
  const cells = ['AAPL', '2019-02-11T14:30:00Z', '9', '12', '10', '13', '1'];
  const read = readMarketRow('bars', rowOf(cells), ANY_TIME);
  assert.ok(read.kind === 'refused');
  assert.deepEqual(
    read.errors.map(({ field, rule }) => [field, rule]),
    [
      ['open', 'minimum'],
      ['close', 'maximum'],
    ],
  );
});

test('a bar’s path begins at the open, touches both extremes, ends at the close, within the interval; sizes add up', () => {
  fc.assert(
    fc.property(anyBar, fc.integer({ min: 4, max: 86_400_000 }), (bar, intervalMs) => {
      const path = barPath(bar, 2, intervalMs);
      const prices = path.map(({ price }) => price);
      const sizes = path.map(({ size }) => size ?? assert.fail('a trade has a size'));
      assert.equal(prices[0], bar.open);
      assert.equal(prices.at(-1), bar.close);
      assert.ok(prices.includes(bar.low) && prices.includes(bar.high));
      const lowNearer = bar.open - bar.low <= bar.high - bar.open;
      assert.equal(prices[1], lowNearer ? bar.low : bar.high);
      assert.equal(
        sizes.reduce<bigint>((sum, size) => sum + size, 0n),
        bar.volume,
      );
      if (bar.volume % 1_000_000_000n === 0n) {
        for (const size of sizes) assert.equal(size % 1_000_000_000n, 0n);
      }
      const times = path.map(({ timeMs }) => timeMs);
      assert.deepEqual(
        times,
        times.toSorted((left, right) => left - right),
      );
      assert.equal(times[0], bar.timeMs);
      assert.ok((times.at(-1) ?? 0) < bar.timeMs + intervalMs);
    }),
  );
});
