/**
 * Validates the parts of a request against the schemas of its route, the same schemas that OpenAPI shows.
 *
 * Objects are closed: a field that the schema does not name is refused, whether or not the schema says so. Text of
 * the query and the path becomes a number or a boolean only where the schema asks for one and the text is exactly one.
 */
import { IsOptional, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Default } from 'typebox/value';
import type { FieldError } from '#infrastructure/core/http.ts';

export type ValidatedPart =
  | { readonly kind: 'valid'; readonly value: unknown }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export type PartValidator = (input: unknown) => ValidatedPart;

type JsonSchema = Readonly<Record<string, unknown>>;

const MOST_ERRORS = 20;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** With hidden properties too: typebox keeps a schema's kind in one. */
function copyWith(schema: object, changes: Readonly<Record<string, unknown>>): unknown {
  const copy: object = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema));
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(copy, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return copy;
}

/** The schema with every object closed that does not say otherwise. */
export function closeObjects(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closeObjects);
  if (!isRecord(schema)) return schema;
  const changes: Record<string, unknown> = {};
  for (const member of ['items', 'anyOf', 'oneOf'] as const) {
    if (member in schema) changes[member] = closeObjects(schema[member]);
  }
  if (isRecord(schema['properties'])) {
    changes['properties'] = Object.fromEntries(
      Object.entries(schema['properties']).map(([name, property]) => [name, closeObjects(property)]),
    );
    changes['additionalProperties'] = schema['additionalProperties'] ?? false;
  }
  return copyWith(schema, changes);
}

function dotted(instancePath: string, last?: string): string {
  const parts = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (last !== undefined) parts.push(last);
  return parts.join('.').slice(0, 128) || 'body';
}

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function namesIn(params: object, member: string): readonly string[] {
  const names = (params as Record<string, unknown>)[member];
  return Array.isArray(names) ? names.map(String) : [];
}

const A_UUID = '0d3f0d3f-0d3f-4d3f-8d3f-0d3f0d3f0d3f';

/** A pattern in words, found by what it takes; `null` where words would say less than the pattern. */
function patternInWords(params: object): string | null {
  const source = (params as { readonly pattern?: unknown }).pattern;
  if (typeof source !== 'string') return null;
  const pattern = new RegExp(source, 'u');
  if (pattern.test('12.5') && !pattern.test('x'))
    return 'must be a decimal such as 12.5, with at most nine places';
  if (pattern.test(A_UUID) && !pattern.test('x')) return 'must be a UUID in lower case';
  if (pattern.test('BRK.B') && !pattern.test('brk'))
    return 'must be a ticker: a capital letter, then at most 15 of A-Z 0-9 . -';
  if (pattern.test('a ~') && !pattern.test('\u00e9')) return 'must be printable ASCII';
  return null;
}

/** One entry per field and rule, as a person would put it. */
export function describeErrors(errors: readonly SchemaError[]): readonly FieldError[] {
  const found: FieldError[] = [];
  const alternatives = new Map<string, unknown[]>();
  for (const { keyword, instancePath, params, message } of errors) {
    switch (keyword) {
      case 'additionalProperties':
        for (const name of namesIn(params, 'additionalProperties')) {
          found.push({
            field: dotted(instancePath, name),
            rule: 'additionalProperties',
            message: 'is not a known field',
          });
        }
        break;
      case 'required':
        for (const name of namesIn(params, 'requiredProperties')) {
          found.push({ field: dotted(instancePath, name), rule: 'required', message: 'is required' });
        }
        break;
      case 'const': {
        const allowed = (params as { allowedValue?: unknown }).allowedValue;
        alternatives.set(instancePath, [...(alternatives.get(instancePath) ?? []), allowed]);
        break;
      }
      case 'enum':
        found.push({
          field: dotted(instancePath),
          rule: 'enum',
          message: `must be one of ${namesIn(params, 'allowedValues').join(', ')}`,
        });
        break;
      // The entry beside it says what is wrong.
      case 'boolean':
      case 'anyOf':
        break;
      case 'pattern':
        found.push({
          field: dotted(instancePath),
          rule: 'pattern',
          message: patternInWords(params) ?? message,
        });
        break;
      default:
        found.push({ field: dotted(instancePath), rule: keyword, message });
    }
  }
  for (const [instancePath, allowed] of alternatives) {
    found.push({
      field: dotted(instancePath),
      rule: 'enum',
      message: `must be one of ${allowed.join(', ')}`,
    });
  }
  if (found.length === 0) {
    found.push({
      field: dotted(errors[0]?.instancePath ?? ''),
      rule: 'schema',
      message: 'has none of the allowed forms',
    });
  }
  return found.slice(0, MOST_ERRORS);
}

/** Also larger than any that is used, so that it is told the range rather than that it is no number. */
const WHOLE_NUMBER = /^-?(0|[1-9][0-9]{0,99})$/;
const NUMBER = /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$/;

function typesOf(schema: unknown): readonly string[] {
  if (!isRecord(schema)) return [];
  const own = typeof schema['type'] === 'string' ? [schema['type']] : [];
  const branches = Array.isArray(schema['anyOf']) ? schema['anyOf'].flatMap(typesOf) : [];
  return [...own, ...branches];
}

function fromText(text: unknown, types: readonly string[]): unknown {
  if (typeof text !== 'string') return text;
  if (types.includes('integer') && WHOLE_NUMBER.test(text)) return Number(text);
  if (types.includes('number') && NUMBER.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

const NO_TYPES: readonly string[] = [];

function hasDefaults(schema: unknown): boolean {
  return JSON.stringify(schema).includes('"default":');
}

/** For bodies: values are taken as they are. One that is optional as a whole may be left out. */
export function bodyValidator(schema: TSchema): PartValidator {
  const closed = closeObjects(schema) as TSchema;
  const compiled = Compile(closed);
  const withDefaults = hasDefaults(closed);
  return (input) => {
    if (input === undefined && IsOptional(schema)) return { kind: 'valid', value: undefined };
    if (input === undefined) {
      return {
        kind: 'invalid',
        errors: [{ field: 'body', rule: 'required', message: 'must be one JSON object' }],
      };
    }
    const value = withDefaults ? Default(closed, input) : input;
    if (compiled.Check(value)) return { kind: 'valid', value };
    return { kind: 'invalid', errors: describeErrors(compiled.Errors(value)) };
  };
}

/** For query, path and headers: text becomes what the schema asks for. `open` lets unknown names pass (headers). */
export function textValidator(schema: TSchema, open: boolean): PartValidator {
  const closed = (open ? schema : closeObjects(schema)) as TSchema;
  const compiled = Compile(closed);
  const properties = (closed as JsonSchema)['properties'];
  const types = new Map(
    Object.entries(isRecord(properties) ? properties : {}).map(([name, property]) => [
      name,
      typesOf(property),
    ]),
  );
  const withDefaults = hasDefaults(closed);
  return (input) => {
    const given: Record<string, unknown> = {};
    const repeated: FieldError[] = [];
    const texts = input as Record<string, unknown>;
    for (const name in texts) {
      const raw = texts[name];
      const wanted = types.get(name) ?? NO_TYPES;
      if (Array.isArray(raw) && !wanted.includes('array')) {
        repeated.push({ field: name.slice(0, 128), rule: 'single', message: 'must be given once' });
      } else if (name === '__proto__') {
        Object.defineProperty(given, name, { value: raw, enumerable: true });
      } else if (!open || types.has(name)) {
        given[name] = fromText(raw, wanted);
      }
    }
    if (repeated.length > 0) return { kind: 'invalid', errors: repeated.slice(0, MOST_ERRORS) };
    const value = withDefaults ? Default(closed, given) : given;
    if (compiled.Check(value)) return { kind: 'valid', value };
    return { kind: 'invalid', errors: describeErrors(compiled.Errors(value)) };
  };
}
