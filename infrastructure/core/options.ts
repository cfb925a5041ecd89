/**
 * Options, each declared once: name, type, default, unit and sentence. A deployable's `config.ts` exports a record
 * of them; its configuration type follows from that record. The reference page is made from the same declarations.
 */
export type ParsedOption<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'refused'; readonly rule: string; readonly message: string };

export interface Option<Value> {
  /** Snake case. The flag is `--max-price-age-ms`, the environment variable `TRADEHALL_MAX_PRICE_AGE_MS`. */
  readonly name: string;
  readonly defaultText: string;
  /** Such as `ms`, `bytes`, `USD`; `null` for a plain word or number. */
  readonly unit: string | null;
  readonly sentence: string;
  /** The value as it may be shown: without what is secret in it. */
  shown(text: string): string;
  parse(text: string): ParsedOption<Value>;
}

export type OptionRecord = Readonly<Record<string, Option<unknown>>>;

/** The configuration that a record of options gives. */
export type ConfigurationOf<Options extends OptionRecord> = {
  readonly [Key in keyof Options]: Options[Key] extends Option<infer Value> ? Value : never;
};

interface Declaration {
  readonly name: string;
  readonly default: string;
  readonly unit?: string;
  readonly sentence: string;
  /** For a value that may hold a secret. Default: shown as it is. */
  readonly shown?: (text: string) => string;
}

function declare<Value>(
  declaration: Declaration,
  parse: (text: string) => ParsedOption<Value>,
): Option<Value> {
  return {
    name: declaration.name,
    defaultText: declaration.default,
    unit: declaration.unit ?? null,
    sentence: declaration.sentence,
    shown: declaration.shown ?? ((text) => text),
    parse,
  };
}

const INTEGER = /^-?[0-9]{1,15}$/;

/** A whole number within bounds, both inclusive. */
export function integerOption(
  declaration: Declaration & { readonly minimum: number; readonly maximum: number },
): Option<number> {
  const { minimum, maximum } = declaration;
  return declare(declaration, (text) => {
    const value = Number(text);
    if (!INTEGER.test(text) || value < minimum || value > maximum) {
      return {
        kind: 'refused',
        rule: 'integer',
        message: `must be a whole number from ${minimum} to ${maximum}`,
      };
    }
    return { kind: 'value', value };
  });
}

/** `true` or `false`. */
export function booleanOption(declaration: Declaration): Option<boolean> {
  return declare(declaration, (text) =>
    text === 'true' || text === 'false'
      ? { kind: 'value', value: text === 'true' }
      : { kind: 'refused', rule: 'boolean', message: 'must be true or false' },
  );
}

/** Any text that `parse` takes. */
export function textOption<Value>(
  declaration: Declaration,
  parse: (text: string) => ParsedOption<Value>,
): Option<Value> {
  return declare(declaration, parse);
}
