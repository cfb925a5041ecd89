/** That values written as bytes are what `JSON.stringify` and the texts of decimals and times make of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatScaled } from './decimal.ts';
import {
  beginRecord,
  endRecord,
  literal,
  writeDecimal,
  writeInteger,
  writeJson,
  writeLiteral,
  writeText,
  writeTimestamp,
} from './record-writer.ts';
import { formatTimestamp, MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from './timestamp.ts';

/** Also across the end of a slab, since thousands of records are written one after the other. */
function written(write: () => void): string {
  beginRecord();
  write();
  return new TextDecoder('utf-8', { fatal: true }).decode(endRecord());
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.constantFrom(
    '',
    '"',
    '\\',
    '\u007f',
    '\u0000',
    '\ud800',
    'ÿ',
    '\u2028',
    'x'.repeat(70_000),
    'é'.repeat(40_000),
  ),
);
const EDGES = [
  0n,
  1n,
  -1n,
  999_999_999n,
  10n ** 9n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
];
const anyScaled = fc.oneof(
  fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }),
  fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
  fc.bigInt({ min: -1_000_000n, max: 1_000_000n }).map((whole) => whole * 1_000_000_000n),
  fc.bigInt({ min: -1_000_000n, max: 1_000_000n }).map((thousandths) => thousandths * 1_000_000n),
  fc.constantFrom(...EDGES, ...EDGES.map((edge) => -edge), 9_007_199_254_740_991n, 9_007_198_999_999_999n),
);

test('a text is written as JSON.stringify writes it, whatever is in it', () => {
  fc.assert(
    fc.property(anyText, (text) =>
      assert.equal(
        written(() => writeText(text)),
        JSON.stringify(text),
      ),
    ),
    { numRuns: 2_000 },
  );
});

test('a decimal is written as its text, of any size and sign', () => {
  fc.assert(
    fc.property(anyScaled, (value) =>
      assert.equal(
        written(() => writeDecimal(value)),
        JSON.stringify(formatScaled(value)),
      ),
    ),
    { numRuns: 5_000 },
  );
});

test('a whole number and a time are written as their texts', () => {
  const anyTime = fc.integer({ min: MIN_TIMESTAMP_MS, max: MAX_TIMESTAMP_MS });
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.nat(2_000), anyTime, (large, small, timeMs) => {
      assert.equal(
        written(() => writeInteger(large)),
        String(large),
      );
      assert.equal(
        written(() => writeInteger(small)),
        String(small),
      );
      assert.equal(
        written(() => writeTimestamp(timeMs)),
        JSON.stringify(formatTimestamp(timeMs)),
      );
    }),
  );
  for (const edge of [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 999_999_999, 1_000_000_000]) {
    assert.equal(
      written(() => writeInteger(edge)),
      String(edge),
    );
  }
});

test('stretches made once and times, old and new, stand behind one another wherever they begin', () => {
  const stretch = fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => {
    const made = literal(text);
    return { text, write: () => writeLiteral(made) };
  });
  const time = fc
    .constantFrom(0, 1, 999, 86_399_999, 86_400_000, MIN_TIMESTAMP_MS, MAX_TIMESTAMP_MS)
    .map((timeMs) => ({
      text: JSON.stringify(formatTimestamp(timeMs)),
      write: () => writeTimestamp(timeMs),
    }));
  const filler = fc
    .nat(140_000)
    .map((length) => ({ text: ' '.repeat(length), write: () => writeJson(' '.repeat(length)) }));
  const parts = fc.array(
    fc.oneof({ weight: 5, arbitrary: stretch }, { weight: 5, arbitrary: time }, filler),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(parts, (some) => {
      const whole = written(() => {
        for (const { write } of some) write();
      });
      assert.equal(whole, some.map(({ text }) => text).join(''));
    }),
    { numRuns: 300 },
  );
});

test('a stretch of no whole number of words fits wherever the slab ends', () => {
  for (const text of ['x', 'word5', 'stretch']) {
    const made = literal(text);
    for (let bytes = 0; bytes < 400_000; bytes += text.length) {
      assert.equal(
        written(() => writeLiteral(made)),
        text,
      );
    }
  }
});

test('records that follow each other do not touch each other', () => {
  const values = fc.array(fc.oneof(anyText, fc.constant('{"some":"json"}')), { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(values, (texts) => {
      const records = texts.map((text) => {
        beginRecord();
        writeJson('[');
        writeText(text);
        writeJson(']');
        return endRecord();
      });
      for (const [index, record] of records.entries()) {
        assert.equal(new TextDecoder().decode(record), `[${JSON.stringify(texts[index])}]`);
      }
    }),
  );
});
