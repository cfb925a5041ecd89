import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatTimestamp,
  MAX_TIMESTAMP_MS,
  MIN_TIMESTAMP_MS,
  parseFeedTime,
  parseTimestamp,
} from './timestamp.ts';

const anyTime = fc.integer({ min: MIN_TIMESTAMP_MS, max: MAX_TIMESTAMP_MS });

test('a timestamp is written as the built-in Date writes it, and read back', () => {
  fc.assert(
    fc.property(anyTime, (timeMs) => {
      const text = formatTimestamp(timeMs);
      assert.equal(text, new Date(timeMs).toISOString());
      assert.equal(parseTimestamp(text), timeMs);
    }),
  );
});

test('a time outside the years 1 to 9999 or with a fraction of a millisecond is a bug', () => {
  for (const wrong of [MIN_TIMESTAMP_MS - 1, MAX_TIMESTAMP_MS + 1, 0.5, Number.NaN, Infinity]) {
    assert.throws(() => formatTimestamp(wrong), RangeError);
  }
});

test('days that no calendar has are refused', () => {
  for (const day of [
    '2019-02-29',
    '2000-13-01',
    '2000-00-10',
    '2000-04-31',
    '1900-02-29',
    '2000-01-00',
    '0000-01-01',
  ]) {
    assert.equal(parseTimestamp(`${day}T00:00:00.000Z`), null, day);
    assert.equal(parseFeedTime(day), null, day);
  }
  assert.equal(parseFeedTime('2000-02-29'), Date.UTC(2000, 1, 29));
});

test('seconds may have up to nine decimals; what lies below the millisecond is cut off', () => {
  const second = Date.UTC(2019, 1, 11, 14, 30, 5);
  assert.equal(parseTimestamp('2019-02-11T14:30:05Z'), second);
  assert.equal(parseTimestamp('2019-02-11T14:30:05.5Z'), second + 500);
  assert.equal(parseTimestamp('2019-02-11T14:30:05.123456789Z'), second + 123);
  assert.equal(parseFeedTime('2019-02-11T14:30:05+00:00'), second);
});

test('anything else is null, never a guess and never an exception', () => {
  const nearly = fc.tuple(anyTime, fc.nat(40), fc.string({ maxLength: 3 })).map(([timeMs, at, piece]) => {
    const text = formatTimestamp(timeMs);
    return text.slice(0, at) + piece + text.slice(at + 1);
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearly), (text) => {
      const timeMs = parseTimestamp(text);
      if (timeMs === null) return;
      // What it does accept, the built-in Date reads as the same moment (which cuts below the millisecond too).
      assert.equal(new Date(text).getTime(), timeMs);
    }),
    { numRuns: 500 },
  );
  for (const text of [
    '',
    '2019-02-11T14:30:05',
    '2019-02-11 14:30:05Z',
    '2019-02-11T24:00:00Z',
    '2019-02-11T14:30:60Z',
  ]) {
    assert.equal(parseTimestamp(text), null, text);
    assert.equal(parseFeedTime(text), null, text);
  }
});
