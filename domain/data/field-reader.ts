/**
 * Reads the fields of a parsed JSON record by hand and collects every issue with its path.
 *
 * Each method takes the value and its name, gives the typed value, and on an issue notes it and gives a
 * placeholder: the record's reader asks `failed` once at the end, so a placeholder never leaves it.
 * Hand-written, since each market event passes through here twice at 100,000 a second.
 */

import {
  type Decimal,
  type Money,
  type ParsedDecimal,
  type Price,
  parseMoney,
  parsePrice,
  parseQuantity,
  parseRate,
  type Quantity,
  type Rate,
} from './decimal.ts';
import type { Decoded, FieldIssue } from './decoded.ts';
import type { AccountId, OrderId, Symbol } from './identifiers.ts';
import { MAX_ID_LENGTH, parseAccountId, parseOrderId, parseSymbol } from './identifiers.ts';
import { parseTimestamp } from './timestamp.ts';

export type WireObject = Readonly<Record<string, unknown>>;

/** A record with more issues than this is garbage; the rest would tell nobody anything. */
const MAX_ISSUES = 20;

const PRINTABLE = /^[ -~]+$/;

const EMPTY: WireObject = {};

export function isWireObject(value: unknown): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export class FieldReader {
  /** Path of the object that is being read, with its final dot; the empty text for the record itself. */
  base = '';
  /** Place in the list that is being read, when one is. */
  index: number | null = null;
  #issues: FieldIssue[] | null = null;

  get failed(): boolean {
    return this.#issues !== null;
  }

  issue(name: string, rule: string, message: string): void {
    this.#issues ??= [];
    const path = this.index === null ? this.base + name : `${this.base}${this.index}.${name}`;
    const field = path.endsWith('.') ? path.slice(0, -1) : path;
    if (this.#issues.length < MAX_ISSUES) this.#issues.push({ field, rule, message });
  }

  /** An issue of the record itself, wherever the reader stands. */
  envelopeIssue(field: string, rule: string, message: string): void {
    const { base, index } = this;
    this.base = '';
    this.index = null;
    this.issue(field, rule, message);
    this.base = base;
    this.index = index;
  }

  get issues(): readonly FieldIssue[] {
    return this.#issues ?? [];
  }

  unreadable<T>(): Decoded<T> {
    const errors = this.issues;
    const first = errors[0];
    const reason = first === undefined ? 'unreadable' : `${first.field || 'record'}: ${first.message}`;
    return { kind: 'unreadable', reason, errors };
  }

  object(value: unknown, name: string): WireObject {
    if (isWireObject(value)) return value;
    this.#wrongType(value, name, 'an object');
    return EMPTY;
  }

  list(value: unknown, name: string, maximum: number): readonly unknown[] {
    if (!Array.isArray(value)) {
      this.#wrongType(value, name, 'a list');
      return [];
    }
    if (value.length <= maximum) return value;
    this.issue(name, 'maxItems', `must have at most ${maximum} entries`);
    return [];
  }

  /** Text of 1 to `maximum` characters, as the keys of the log and every database take it. */
  text(value: unknown, name: string, maximum: number): string {
    if (typeof value !== 'string') {
      this.#wrongType(value, name, 'text');
      return '';
    }
    if (value.length > maximum) this.issue(name, 'maxLength', `must have at most ${maximum} characters`);
    else if (value.length === 0) this.issue(name, 'minLength', 'must not be empty');
    else if (!value.isWellFormed() || value.includes('\0'))
      this.issue(name, 'unicode', 'must be well-formed Unicode without zero characters');
    return value;
  }

  /** Text of printable ASCII: where ids are keys, their length in bytes counts. */
  id(value: unknown, name: string): string {
    if (typeof value === 'string' && value.length <= MAX_ID_LENGTH && PRINTABLE.test(value)) return value;
    const text = this.text(value, name, MAX_ID_LENGTH);
    if (text !== '' && !PRINTABLE.test(text)) this.issue(name, 'printable', 'must be printable ASCII');
    return text;
  }

  optionalId(value: unknown, name: string): string | null {
    return value === undefined || value === null ? null : this.id(value, name);
  }

  optionalText(value: unknown, name: string, maximum: number): string | null {
    return value === undefined || value === null ? null : this.text(value, name, maximum);
  }

  boolean(value: unknown, name: string): boolean {
    if (typeof value !== 'boolean') this.#wrongType(value, name, 'true or false');
    return value === true;
  }

  integer(value: unknown, name: string, minimum: number): number {
    if (typeof value !== 'number') {
      this.#wrongType(value, name, 'a whole number');
      return minimum;
    }
    if (!Number.isSafeInteger(value)) this.issue(name, 'integer', 'must be a whole number below 2^53');
    else if (value < minimum) this.issue(name, 'minimum', `must be at least ${minimum}`);
    return value;
  }

  oneOf<Word extends string>(value: unknown, name: string, words: readonly Word[]): Word {
    const index = words.indexOf(value as Word);
    const word = words[index === -1 ? 0 : index] as Word;
    if (index === -1) {
      if (value === undefined || value === null) this.#wrongType(value, name, 'text');
      else this.issue(name, 'enum', `must be one of ${words.join(', ')}`);
    }
    return word;
  }

  optionalOneOf<Word extends string>(value: unknown, name: string, words: readonly Word[]): Word | null {
    return value === undefined || value === null ? null : this.oneOf(value, name, words);
  }

  timestampMs(value: unknown, name: string): number {
    if (typeof value !== 'string') {
      this.#wrongType(value, name, 'a timestamp');
      return 0;
    }
    const timeMs = parseTimestamp(value);
    if (timeMs !== null) return timeMs;
    this.issue(name, 'timestamp', 'must be an ISO 8601 time in UTC, such as 2019-02-11T14:30:00.000Z');
    return 0;
  }

  symbol(value: unknown, name: string): Symbol {
    const symbol = typeof value === 'string' ? parseSymbol(value) : null;
    if (symbol !== null) return symbol;
    if (typeof value !== 'string') this.#wrongType(value, name, 'text');
    else this.issue(name, 'symbol', 'must be a capital letter, then at most 15 of A-Z 0-9 . -');
    return '' as Symbol;
  }

  optionalSymbol(value: unknown, name: string): Symbol | null {
    return value === undefined || value === null ? null : this.symbol(value, name);
  }

  accountId(value: unknown, name: string): AccountId {
    const id = typeof value === 'string' ? parseAccountId(value) : null;
    if (id !== null) return id;
    this.#notUuid(value, name);
    return '' as AccountId;
  }

  orderId(value: unknown, name: string): OrderId {
    const id = typeof value === 'string' ? parseOrderId(value) : null;
    if (id !== null) return id;
    this.#notUuid(value, name);
    return '' as OrderId;
  }

  price(value: unknown, name: string): Price {
    return this.#above(this.#decimal(value, name, parsePrice), name, 1n);
  }

  optionalPrice(value: unknown, name: string): Price | null {
    return value === undefined || value === null ? null : this.price(value, name);
  }

  quantity(value: unknown, name: string): Quantity {
    return this.#above(this.#decimal(value, name, parseQuantity), name, 0n);
  }

  optionalQuantity(value: unknown, name: string): Quantity | null {
    return value === undefined || value === null ? null : this.quantity(value, name);
  }

  positiveQuantity(value: unknown, name: string): Quantity {
    return this.#above(this.#decimal(value, name, parseQuantity), name, 1n);
  }

  /** Signed. */
  money(value: unknown, name: string): Money {
    return this.#decimal(value, name, parseMoney);
  }

  nonNegativeMoney(value: unknown, name: string): Money {
    return this.#above(this.#decimal(value, name, parseMoney), name, 0n);
  }

  positiveMoney(value: unknown, name: string): Money {
    return this.#above(this.#decimal(value, name, parseMoney), name, 1n);
  }

  rate(value: unknown, name: string): Rate {
    return this.#above(this.#decimal(value, name, parseRate), name, 0n);
  }

  #decimal<T extends Decimal>(value: unknown, name: string, parse: (text: string) => ParsedDecimal<T>): T {
    if (typeof value !== 'string') {
      this.#wrongType(value, name, 'a decimal written as text');
      return 1n as T;
    }
    const parsed = parse(value);
    if (parsed.kind === 'decimal') return parsed.value;
    this.issue(name, parsed.rule, parsed.message);
    return 1n as T;
  }

  #above<T extends Decimal>(value: T, name: string, minimum: bigint): T {
    if (value < minimum) {
      if (minimum === 0n) this.issue(name, 'minimum', 'must not be below zero');
      else this.issue(name, 'exclusiveMinimum', 'must be above zero');
    }
    return value;
  }

  #notUuid(value: unknown, name: string): void {
    if (typeof value !== 'string') this.#wrongType(value, name, 'text');
    else this.issue(name, 'uuid', 'must be a UUID in lower case');
  }

  #wrongType(value: unknown, name: string, wanted: string): void {
    if (value === undefined || value === null) this.issue(name, 'required', 'is required');
    else this.issue(name, 'type', `must be ${wanted}`);
  }
}
