/** Decimals against BigInt rationals: what is exact, what is rounded, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  add,
  applyRate,
  compare,
  type Decimal,
  DecimalOverflow,
  divide,
  fits,
  formatDecimal,
  formatScaled,
  MAX_SCALED,
  MIN_SCALED,
  type Money,
  multiply,
  ONE,
  type Price,
  parseMoney,
  parsePrice,
  parseQuantity,
  parseRate,
  proportion,
  type Quantity,
  type Rate,
  roundHalfEven,
  subtract,
  sumFits,
  tryAdd,
  tryDivideDown,
  tryMultiply,
  tryMultiplyUp,
} from './decimal.ts';

const edges = [0n, 1n, -1n, ONE, -ONE, ONE / 2n, MAX_SCALED, MIN_SCALED, MAX_SCALED - 1n, 3_037_000_499_976n];
const scaled = fc.oneof(
  fc.constantFrom(...edges),
  fc.bigInt(MIN_SCALED, MAX_SCALED),
  fc.bigInt(-(10n ** 13n), 10n ** 13n),
  fc.bigInt(-(10n ** 9n), 10n ** 9n).map((whole) => whole * ONE),
);
/** Around where the arithmetic changes over from machine words to any size. */
const turning = fc
  .tuple(
    fc.constantFrom(10n, 16n, 19n, 24n, 30n, 38n, 43n, 46n, 52n, 62n),
    fc.bigInt(-3n, 3n),
    fc.constantFrom(1n, 1_000_000n, ONE),
  )
  .map(([bits, beside, times]) => ((2n ** bits + beside) * times) % (MAX_SCALED + 1n));
const millis = fc.bigInt(0n, 2n ** 24n).map((count) => count * 1_000_000n);
const unsigned = fc.oneof(
  turning,
  millis,
  scaled.map((value) => (value < 0n ? -(value + 1n) : value)),
);

/** Half to even by its definition: the nearest integer n with |2·(n − a/b)| smallest, the even one in a tie. */
function nearestEven(numerator: bigint, divisor: bigint): bigint {
  const [a, b] = divisor < 0n ? [-numerator, -divisor] : [numerator, divisor];
  const floor = a >= 0n || a % b === 0n ? a / b : a / b - 1n;
  const below = 2n * (a - floor * b);
  if (below === b) return floor % 2n === 0n ? floor : floor + 1n;
  return below < b ? floor : floor + 1n;
}

function check(actual: bigint | 'overflow', exact: bigint) {
  assert.equal(actual, fits(exact) ? exact : 'overflow');
}

test('what is printed is parsed back to the same value, and printing is canonical', () => {
  fc.assert(
    fc.property(scaled, (value) => {
      const text = formatDecimal(value as Money);
      assert.deepEqual(parseMoney(text), { kind: 'decimal', value });
      assert.match(text, /^-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?$/);
      assert.notEqual(text, '-0');
    }),
  );
});

test('a parsed text is worth exactly what it says', () => {
  const text = fc
    .tuple(fc.bigInt(0n, 9_223_372_035n), fc.stringMatching(/^\d{0,9}$/))
    .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`));
  fc.assert(
    fc.property(text, (written) => {
      const [whole = '', fraction = ''] = written.split('.');
      const value = BigInt(whole) * ONE + BigInt(fraction.padEnd(9, '0'));
      for (const parse of [parsePrice, parseQuantity, parseMoney, parseRate]) {
        assert.deepEqual(parse(written), { kind: 'decimal', value });
      }
    }),
  );
});

test('texts that are not decimals are refused with the rule they break', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', 'decimal_format'],
    ['+1', 'decimal_format'],
    ['01', 'decimal_format'],
    ['00.5', 'decimal_format'],
    ['.5', 'decimal_format'],
    ['5.', 'decimal_format'],
    ['1e3', 'decimal_format'],
    [' 1', 'decimal_format'],
    ['1\n', 'decimal_format'],
    ['-0', 'decimal_format'],
    ['-0.00', 'decimal_format'],
    ['1,000', 'decimal_format'],
    ['٣', 'decimal_format'],
    ['NaN', 'decimal_format'],
    ['0x10', 'decimal_format'],
    ['1'.repeat(65), 'decimal_format'],
    ['1.0000000000', 'decimal_places'],
    ['9223372036.854775808', 'decimal_range'],
    ['-9223372036.854775809', 'decimal_range'],
  ];
  for (const [text, rule] of cases) {
    const parsed = parseMoney(text);
    assert.equal(parsed.kind === 'refused' ? parsed.rule : parsed.kind, rule, JSON.stringify(text));
  }
  for (const parse of [parsePrice, parseQuantity, parseRate]) {
    const parsed = parse('-1');
    assert.equal(parsed.kind === 'refused' && parsed.rule, 'decimal_sign');
  }
});

test('any text at all is either refused or printed back as the same number', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+.0-9e]{0,25}$/)), (text) => {
      const parsed = parseMoney(text);
      if (parsed.kind === 'refused') return;
      const trimmed = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
      assert.equal(formatDecimal(parsed.value), trimmed);
    }),
  );
});

test('products are exact, rounded half to even once, refused outside 64 bits', () => {
  fc.assert(
    fc.property(scaled, scaled, (left, right) => {
      check(tryMultiply(left as Price, right as Quantity), nearestEven(left * right, ONE));
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(unsigned, unsigned, (left, right) => {
      check(tryMultiply(left as Price, right as Quantity), nearestEven(left * right, ONE));
      if (right === 0n) return;
      const exact = nearestEven(left * ONE, right);
      if (fits(exact)) assert.equal(divide(left as Money, right as Quantity), exact);
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(unsigned, unsigned, (left, right) => {
      check(tryMultiplyUp(left as Price, right as Quantity), (left * right + ONE - 1n) / ONE);
    }),
  );
  assert.throws(() => multiply(MAX_SCALED as Price, MAX_SCALED as Quantity), DecimalOverflow);
  assert.throws(() => applyRate(MAX_SCALED as Money, (2n * ONE) as Rate), DecimalOverflow);
});

test('halves go to the even neighbour', () => {
  for (const [numerator, expected] of [
    [1n, 0n],
    [3n, 2n],
    [5n, 2n],
    [-1n, 0n],
    [-3n, -2n],
    [-5n, -2n],
  ] as const) {
    assert.equal(roundHalfEven(numerator, 2n), expected);
  }
});

test('quotients are rounded half to even; shares for an amount are rounded down', () => {
  fc.assert(
    fc.property(scaled, scaled, (numerator, divisor) => {
      fc.pre(divisor !== 0n);
      assert.equal(roundHalfEven(numerator, divisor), nearestEven(numerator, divisor));
      const exact = nearestEven(numerator * ONE, divisor);
      if (fits(exact)) assert.equal(divide(numerator as Money, divisor as Quantity), exact);
      else assert.throws(() => divide(numerator as Money, divisor as Quantity), DecimalOverflow);
    }),
  );
  fc.assert(
    fc.property(unsigned, unsigned, (money, price) => {
      fc.pre(price !== 0n);
      const shares = tryDivideDown(money as Money, price as Price);
      if (shares === 'overflow') return;
      assert.ok(shares * price <= money * ONE && (shares + 1n) * price > money * ONE);
    }),
  );
});

test('a part of an amount never exceeds it, and the whole is the amount', () => {
  fc.assert(
    fc.property(unsigned, unsigned, unsigned, (amount, one, other) => {
      const [part, whole] = one < other ? [one, other] : [other, one];
      fc.pre(whole !== 0n);
      const share = proportion(amount as Money, part as Quantity, whole as Quantity);
      assert.equal(share, nearestEven(amount * part, whole));
      assert.ok(share >= 0n && share <= amount);
    }),
  );
});

test('sums and differences are exact or refused; comparing is the order of the numbers', () => {
  fc.assert(
    fc.property(scaled, scaled, (left, right) => {
      check(tryAdd(left as Money, right as Money), left + right);
      for (const [operation, exact] of [
        [add, left + right],
        [subtract, left - right],
      ] as const) {
        if (fits(exact)) assert.equal(operation(left as Money, right as Money), exact);
        else assert.throws(() => operation(left as Money, right as Money), DecimalOverflow);
      }
      assert.equal(compare(left as Decimal, right as Decimal), left === right ? 0 : left < right ? -1 : 1);
    }),
  );
});

test('a balance beyond 64 bits is still printed exactly', () => {
  assert.equal(formatScaled(MAX_SCALED * 1000n), '9223372036854.775807');
  assert.equal(formatScaled(-(10n ** 30n)), '-1000000000000000000000');
});

test('whether a sum fits is known without making it', () => {
  fc.assert(
    fc.property(scaled, scaled, (left, right) => {
      assert.equal(sumFits(left, right), fits(left + right));
    }),
    { numRuns: 500 },
  );
});
