import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeRefusal, resolveConfiguration } from './configuration.ts';
import { booleanOption, integerOption, textOption } from './options.ts';

const options = {
  maxItems: integerOption({ name: 'max_items', default: '10', minimum: 1, maximum: 100, sentence: 'Items.' }),
  strict: booleanOption({ name: 'strict', default: 'false', sentence: 'Strictness.' }),
  name: textOption({ name: 'name', default: 'x', sentence: 'A name.' }, (text) =>
    text === ''
      ? { kind: 'refused', rule: 'empty', message: 'must not be empty' }
      : { kind: 'value', value: text },
  ),
};

type Sources = Parameters<typeof resolveConfiguration>[1];

function resolve(sources: Partial<Sources>) {
  return resolveConfiguration([options], { flags: {}, environment: {}, file: {}, ...sources });
}

function valuesOf(sources: Partial<Sources>) {
  const resolved = resolve(sources);
  assert.equal(resolved.kind, 'resolved', JSON.stringify(resolved));
  return resolved.kind === 'resolved' ? resolved.configuration : assert.fail();
}

function sentencesOf(sources: Partial<Sources>): readonly string[] {
  const resolved = resolve(sources);
  return resolved.kind === 'refused' ? resolved.refusals.map(describeRefusal) : [];
}

describe('a value comes from', () => {
  test('the flag, then the environment, then the file, then the default', () => {
    const all = {
      flags: { max_items: '1' },
      environment: { TRADEHALL_MAX_ITEMS: '2' },
      file: { max_items: 3 },
    };
    const origins = [
      valuesOf(all),
      valuesOf({ ...all, flags: {} }),
      valuesOf({ file: all.file }),
      valuesOf({}),
    ].map((configuration) => [configuration.of(options).maxItems, configuration.values[0]?.origin]);
    assert.deepEqual(origins, [
      [1, 'flag'],
      [2, 'environment'],
      [3, 'file'],
      [10, 'default'],
    ]);
  });

  test('a file in JSON, with numbers and booleans as they are', () => {
    assert.deepEqual(valuesOf({ file: { max_items: 7, strict: true, name: 'n' } }).of(options), {
      maxItems: 7,
      strict: true,
      name: 'n',
    });
  });
});

describe('what is not understood is refused by name', () => {
  test('an unknown variable that begins with TRADEHALL_, and no other', () => {
    assert.deepEqual(sentencesOf({ environment: { TRADEHALL_MAX_ITEM: '5', HOME: '/' } }), [
      'TRADEHALL_MAX_ITEM is not an option; `tradehall config` lists them all.',
    ]);
  });
  test('an unknown name in the file', () => {
    assert.deepEqual(sentencesOf({ file: { constructor: 1 } }), [
      '"constructor" in the configuration file is not an option; `tradehall config` lists them all.',
    ]);
  });
  test('an unreadable value, spelt the way its source spells it', () => {
    assert.deepEqual(
      sentencesOf({
        flags: { max_items: '101' },
        environment: { TRADEHALL_STRICT: 'yes' },
        file: { name: [] },
      }),
      [
        '--max-items must be a whole number from 1 to 100.',
        'TRADEHALL_STRICT must be true or false.',
        '"name" in the configuration file must be a text, a number, true or false.',
      ],
    );
  });
  test('a value that another source overrides', () => {
    assert.deepEqual(
      sentencesOf({
        flags: { max_items: '5' },
        environment: { TRADEHALL_MAX_ITEMS: 'many' },
        file: { max_items: 101 },
      }),
      [
        'TRADEHALL_MAX_ITEMS must be a whole number from 1 to 100.',
        '"max_items" in the configuration file must be a whole number from 1 to 100.',
      ],
    );
  });
});

test('one name declared in two ways is a bug', () => {
  const other = {
    maxItems: integerOption({
      name: 'max_items',
      default: '11',
      minimum: 1,
      maximum: 100,
      sentence: 'Items.',
    }),
  };
  assert.throws(
    () => resolveConfiguration([options, other], { flags: {}, environment: {}, file: {} }),
    /max_items is declared in two ways/,
  );
});
