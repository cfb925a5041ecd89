import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJson } from './json-text.ts';

const names = fc.string({ maxLength: 6 }).filter((name) => name !== '__proto__');
const documents = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test('what JSON.parse reads without a doubled name, it reads alike', () => {
  fc.assert(
    fc.property(documents, fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(readJson(text, 16), { kind: 'json', value: JSON.parse(text) });
    }),
  );
});

test('any text is read as JSON.parse reads it, or refused with a rule; it never throws', () => {
  const pieces = fc.array(
    fc.constantFrom('{', '}', '[', ']', '"', ':', ',', '\\', 'a', '1', ' ', 'null', '\\u0061', '"a"'),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(
      pieces.map((parts) => parts.join('')),
      (text) => {
        const read = readJson(text, 16);
        if (read.kind === 'json') assert.deepEqual(read.value, JSON.parse(text));
        else assert.ok(read.rule.length > 0 && read.message.length > 0);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a name given twice in one object is refused wherever it stands; in two objects it is not', () => {
  fc.assert(
    fc.property(names, fc.integer({ min: 0, max: 5 }), (name, depth) => {
      const member = `${JSON.stringify(name)}: 1`;
      const wrap = (inner: string) => `${'{"w":['.repeat(depth)}${inner}${']}'.repeat(depth)}`;
      assert.equal(readJson(wrap(`{${member}, ${member}}`), 16).kind, 'refused');
      assert.equal(readJson(wrap(`[{${member}}, {${member}}]`), 16).kind, 'json');
    }),
  );
});
