/** Broken patterns are told in words: a regular expression helps nobody who types an order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYMBOL_PATTERN, UUID_PATTERN } from '#domain/data/identifiers.ts';
import { describeErrors } from './validation.ts';

function told(pattern: string): string | undefined {
  const error = { keyword: 'pattern', instancePath: '/field', params: { pattern }, message: 'must match' };
  return describeErrors([error])[0]?.message;
}

test('the patterns of the API are told in words', () => {
  assert.equal(told(SYMBOL_PATTERN), 'must be a ticker: a capital letter, then at most 15 of A-Z 0-9 . -');
  assert.equal(told(UUID_PATTERN), 'must be a UUID in lower case');
  assert.equal(told('^[\\x20-\\x7e]+$'), 'must be printable ASCII');
  assert.equal(told('^none of those$'), 'must match');
});
