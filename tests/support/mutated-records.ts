/** Records as another producer might write them: ours, with fields left out, swapped, or taken to an extreme. */
import fc from 'fast-check';
import { isWireObject } from '#domain/data/field-reader.ts';

/** What a reader may take for a value, and a fold or a store may not. */
const EXTREMES: readonly unknown[] = [
  null,
  true,
  0,
  1,
  -1,
  Number.MAX_SAFE_INTEGER,
  '',
  '0',
  '0.000000001',
  '9223372036.854775807',
  '-9223372036.854775808',
  '0001-01-01T00:00:00.000Z',
  '1970-01-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
  'A',
  'USD',
  'a zero\u0000character',
  'half a pair \ud800',
  '\u2028\u001b[2J',
  '漢'.repeat(200),
  '🂡'.repeat(250),
  '"'.repeat(500),
];

type Path = readonly string[];

/** The paths of all values, those that hold others too. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const within = Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]));
  return path.length === 0 ? within : [path, ...within];
}

function valueAt(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return value;
  return typeof value === 'object' && value !== null
    ? valueAt((value as Readonly<Record<string, unknown>>)[key], rest)
    : undefined;
}

const LEFT_OUT = Symbol('left out');

function changed(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    const items = value.map((item, at) => (String(at) === key ? changed(item, rest, by) : item));
    return items.filter((item) => item !== LEFT_OUT);
  }
  if (!isWireObject(value)) return value;
  const { [key]: former, ...others } = value;
  const now = changed(former, rest, by);
  return now === LEFT_OUT ? others : { ...others, [key]: now };
}

const change = fc.record({
  at: fc.nat(),
  how: fc.oneof(
    fc.constant({ kind: 'leave out' } as const),
    fc.record({ kind: fc.constant('swap' as const), other: fc.nat() }),
    fc.record({ kind: fc.constant('extreme' as const), value: fc.constantFrom(...EXTREMES) }),
  ),
});

/** `written` with some of its values changed; most can still be read. */
export function mutated(written: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(written, fc.array(change, { maxLength: 3 })).map(([bytes, changes]) => {
    let value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    for (const { at, how } of changes) {
      const paths = pathsOf(value);
      const path = paths[at % paths.length] ?? [];
      if (how.kind === 'leave out') value = changed(value, path, LEFT_OUT);
      else if (how.kind === 'extreme') value = changed(value, path, how.value);
      else {
        const other = paths[how.other % paths.length] ?? [];
        const [one, two] = [valueAt(value, path), valueAt(value, other)];
        value = changed(changed(value, path, two), other, one);
      }
    }
    return new TextEncoder().encode(JSON.stringify(value));
  });
}
