import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServiceKeys } from './service-keys.ts';

const SECRET = 'a'.repeat(32);

test('keys are taken in their order; the empty text is none', () => {
  assert.deepEqual(parseServiceKeys(`new:${SECRET}, old:${SECRET}b`), {
    kind: 'value',
    value: [
      { keyId: 'new', secret: SECRET },
      { keyId: 'old', secret: `${SECRET}b` },
    ],
  });
  assert.deepEqual(parseServiceKeys(''), { kind: 'value', value: [] });
});

test('a secret that could be guessed, a key without one, an id twice and too many keys are refused by their rules', () => {
  for (const [text, rule] of [
    [`k1:${SECRET.slice(1)}`, 'keys'],
    ['k1:', 'keys'],
    [SECRET, 'keys'],
    [`:${SECRET}`, 'keys'],
    [`k1:${SECRET},k1:${SECRET}b`, 'unique'],
    [Array.from({ length: 9 }, (_, at) => `k${at}:${SECRET}`).join(','), 'maxItems'],
  ] as const) {
    const parsed = parseServiceKeys(text);
    assert.equal(parsed.kind === 'refused' && parsed.rule, rule, text);
  }
});
