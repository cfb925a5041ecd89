/** The report: one column or two, and what it says of a bench that has but one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asLines, reportOf } from './bench-result.ts';

const BENCH = { name: 'orders', sentence: 'Orders.' };

test('alone, a figure is the median of its runs with the spread', () => {
  const runs = [
    { rate: 3_000, what: 'a' },
    { rate: 1_000, what: 'a' },
    { rate: 2_000.4, what: 'a' },
  ];
  assert.deepEqual(
    asLines(reportOf(BENCH, runs, null)).map((line) => line.replaceAll(/ {2,}/g, '  ')),
    ['orders: Orders. Median of 3.', '  rate  2,000  (1,000 – 3,000)', '  what  a'],
  );
});

test('beside the embedded figure stand that of the servers and what it is of the first', () => {
  const report = reportOf(
    BENCH,
    [
      { rate: 1_000, lost: 0, here: 5 },
      { rate: 3_000, lost: 0, here: 5 },
    ],
    [
      { rate: 400, lost: 2, there: 7 },
      { rate: 600, lost: 2, there: 7 },
    ],
  );
  assert.deepEqual(
    asLines(report).map((line) => line.replaceAll(/ {2,}/g, '  ')),
    [
      'orders: Orders. Median of 2.',
      '  embedded  servers  ratio',
      '  rate  2,000  (1,000 – 3,000)  500  (400 – 600)  × 0.25',
      // Of nothing there is no ratio.
      '  lost  0  2',
      '  here  5  –',
      '  there  –  7',
    ],
  );
  const [, head = '', rate = ''] = asLines(report);
  assert.equal(rate.indexOf('500'), head.indexOf('servers'), 'a figure stands under its column');
});

test('a bench without a form for servers says why', () => {
  const lines = asLines(reportOf(BENCH, [{ rate: 1 }], { none: 'it touches no store.' }));
  assert.equal(lines.at(-1), '  not on servers: it touches no store.');
});
