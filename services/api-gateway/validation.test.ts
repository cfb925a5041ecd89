/** Broken patterns are told in words: a regular expression helps nobody who types an order. No name passes unseen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { SYMBOL_PATTERN, UUID_PATTERN } from '#domain/data/identifiers.ts';
import { describeErrors, textValidator } from './validation.ts';

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

test('the name __proto__ in a query is an unknown field like any other', () => {
  const input: unknown = JSON.parse('{"limit":"1","__proto__":"x"}');
  const read = textValidator(Type.Object({ limit: Type.Integer() }), false)(input);
  assert.ok(read.kind === 'invalid');
  assert.deepEqual(
    read.errors.map(({ field, rule }) => [field, rule]),
    [['__proto__', 'additionalProperties']],
  );
});

test('a whole number that is too large is told its range, what is no whole number that it is none', () => {
  const read = textValidator(Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 500 }) }), false);
  for (const [text, message] of [
    ['99999999999999999999', 'must be <= 500'],
    ['-99999999999999999999', 'must be >= 1'],
    ['1e2', 'must be integer'],
    ['1.0', 'must be integer'],
  ] as const) {
    const outcome = read({ limit: text });
    assert.ok(outcome.kind === 'invalid', text);
    assert.deepEqual(
      outcome.errors.map((error) => [error.field, error.message]),
      [['limit', message]],
    );
  }
});
