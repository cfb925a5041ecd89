/**
 * Reads parameters, headers and body fields of a request and collects every rule they break, by field.
 *
 * The gateway has validated against the route's schema already; this reads what a schema cannot say (decimals,
 * enumerations in any case, days that exist, fields that exclude each other) and makes handlers safe without it.
 */
import type { Decimal, ParsedDecimal } from '#domain/data/decimal.ts';
import { parseSymbol, type Symbol } from '#domain/data/identifiers.ts';
import { parseDayMs, parseTimestamp } from '#domain/data/timestamp.ts';
import type { FieldError, HttpResult } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';

export type Fields = Readonly<Record<string, unknown>>;

const WHOLE = /^(0|[1-9][0-9]{0,14})$/;
const MAX_ERRORS = 50;
const MAX_SHOWN = 40;

export function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

/** A client's own name for a field, fit to be shown. */
function shown(name: string): string {
  return name === '' ? '(empty name)' : name.slice(0, MAX_SHOWN).toWellFormed();
}

export class RequestReader {
  readonly #errors: FieldError[] = [];

  refuse(field: string, rule: string, message: string): void {
    if (this.#errors.length < MAX_ERRORS) this.#errors.push({ field, rule, message });
  }

  get failed(): boolean {
    return this.#errors.length > 0;
  }

  /** The answer to a request that breaks rules. */
  problem(): HttpResult {
    const [first] = this.#errors;
    const detail = first === undefined ? 'The request breaks a rule.' : `${first.field}: ${first.message}.`;
    return problemResult('INVALID_REQUEST', detail, { errors: this.#errors });
  }

  /** Fields that the interface does not know are refused: a misspelt limit that is ignored is no limit. */
  onlyKnown(fields: Fields, known: ReadonlySet<string>): void {
    for (const name of Object.keys(fields)) {
      if (!known.has(name)) this.refuse(shown(name), 'unknown', 'is not a field of this request');
    }
  }

  /** `null` when absent or refused. */
  optionalText(fields: Fields, field: string, maximum: number): string | null {
    const value = fields[field];
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') this.refuse(field, 'type', 'must be text');
    else if (value.length === 0) this.refuse(field, 'minLength', 'must not be empty');
    else if (value.length > maximum)
      this.refuse(field, 'maxLength', `must have at most ${maximum} characters`);
    else if (!value.isWellFormed()) this.refuse(field, 'unicode', 'must be well-formed Unicode');
    else return value;
    return null;
  }

  text(fields: Fields, field: string, maximum: number): string | null {
    if (this.#missing(fields, field)) return null;
    return this.optionalText(fields, field, maximum);
  }

  /**
   * Text that is stored and shown: PostgreSQL takes no zero character, a terminal obeys some of the others, and those that turn
   * the direction of writing make a line say something else.
   */
  shownText(fields: Fields, field: string, maximum: number): string | null {
    const text = this.text(fields, field, maximum);
    if (text === null) return null;
    if (text.trim() === '') this.refuse(field, 'blank', 'must not be blank');
    else if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(text))
      this.refuse(field, 'printable', 'must not have control characters');
    else return text;
    return null;
  }

  symbol(fields: Fields, field: string): Symbol | null {
    if (this.#missing(fields, field)) return null;
    return this.optionalSymbol(fields, field);
  }

  optionalSymbol(fields: Fields, field: string): Symbol | null {
    const text = this.optionalText(fields, field, 16);
    if (text === null) return null;
    const symbol = parseSymbol(text);
    if (symbol === null) {
      this.refuse(field, 'pattern', 'must be a ticker: a capital letter, then at most 15 of A-Z 0-9 . -');
    }
    return symbol;
  }

  /** Any case; the answer is in that of `words`. */
  optionalWord<Word extends string>(fields: Fields, field: string, words: readonly Word[]): Word | null {
    const value = fields[field];
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') this.refuse(field, 'type', 'must be text');
    else {
      const capitals = value.length <= MAX_SHOWN ? value.toUpperCase() : '';
      const word = words.find((each) => each.toUpperCase() === capitals);
      if (word !== undefined) return word;
      this.refuse(field, 'enum', `must be one of ${words.join(', ')}`);
    }
    return null;
  }

  word<Word extends string>(fields: Fields, field: string, words: readonly Word[]): Word | null {
    if (this.#missing(fields, field)) return null;
    return this.optionalWord(fields, field, words);
  }

  optionalWhole(fields: Fields, field: string, minimum: number, maximum: number): number | null {
    const value = fields[field];
    if (value === undefined || value === null) return null;
    const text = typeof value === 'number' ? String(value) : value;
    const whole = typeof text === 'string' && WHOLE.test(text) ? Number(text) : Number.NaN;
    if (whole >= minimum && whole <= maximum) return whole;
    this.refuse(field, 'integer', `must be a whole number from ${minimum} to ${maximum}`);
    return null;
  }

  /** Above zero. JSON numbers are refused: they are floats by the time we see them. */
  optionalPositive<D extends Decimal>(
    fields: Fields,
    field: string,
    parse: (text: string) => ParsedDecimal<D>,
  ): D | null {
    const value = fields[field];
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') {
      this.refuse(field, 'type', 'must be a decimal in quotes, such as "12.5", so that it stays exact');
      return null;
    }
    const parsed = parse(value);
    if (parsed.kind === 'refused') this.refuse(field, parsed.rule, parsed.message);
    else if (parsed.value <= 0n) this.refuse(field, 'exclusiveMinimum', 'must be above zero');
    else return parsed.value;
    return null;
  }

  positive<D extends Decimal>(
    fields: Fields,
    field: string,
    parse: (text: string) => ParsedDecimal<D>,
  ): D | null {
    if (this.#missing(fields, field)) return null;
    return this.optionalPositive(fields, field, parse);
  }

  /** `2019-02-11T14:30:00Z`, or a day, which is its first millisecond. */
  optionalTimeMs(fields: Fields, field: string): number | null {
    const value = fields[field];
    if (value === undefined || value === null) return null;
    const timeMs =
      typeof value !== 'string' ? null : value.length === 10 ? parseDayMs(value) : parseTimestamp(value);
    if (timeMs === null) {
      this.refuse(
        field,
        'timestamp',
        'must be a day or a UTC time, such as 2019-02-11 or 2019-02-11T14:30:00Z',
      );
    }
    return timeMs;
  }

  #missing(fields: Fields, field: string): boolean {
    if (fields[field] !== undefined && fields[field] !== null) return false;
    this.refuse(field, 'required', 'is required');
    return true;
  }
}
