/**
 * How an option gets its value: flag, then environment, then file, then default. Pure: the sources are handed in
 * (config.ts reads them from the outside world).
 *
 * Everything that is not understood is refused by name: an unknown option, an unreadable value, and an unknown
 * variable that begins with TRADEHALL_, since a misspelt limit that is silently ignored is no limit.
 */
import assert from 'node:assert/strict';
import type { ConfigurationOf, Option, OptionRecord } from './options.ts';

export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface ConfigurationSources {
  /** By option name, in snake case. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By option name; values as JSON has them. */
  readonly file: Readonly<Record<string, unknown>>;
}

export interface EffectiveValue {
  readonly option: Option<unknown>;
  readonly text: string;
  readonly value: unknown;
  readonly origin: Origin;
}

export interface OptionRefusal {
  readonly option: string;
  readonly origin: Origin;
  readonly rule: string;
  readonly message: string;
}

export interface Configuration {
  /** In the order of declaration. */
  readonly values: readonly EffectiveValue[];
  /** The part that one record of options describes. */
  of<Options extends OptionRecord>(options: Options): ConfigurationOf<Options>;
}

export type ResolvedConfiguration =
  | { readonly kind: 'resolved'; readonly configuration: Configuration }
  | { readonly kind: 'refused'; readonly refusals: readonly OptionRefusal[] };

const PREFIX = 'TRADEHALL_';

export function flagOf(optionName: string): string {
  return `--${optionName.replaceAll('_', '-')}`;
}

export function environmentNameOf(optionName: string): string {
  return PREFIX + optionName.toUpperCase();
}

/** Joins the records of all parts. One name declared in two ways is a bug. */
export function joinOptions(records: readonly OptionRecord[]): readonly Option<unknown>[] {
  const byName = new Map<string, Option<unknown>>();
  for (const option of records.flatMap((record) => Object.values(record))) {
    const other = byName.get(option.name);
    assert.ok(
      other === undefined || (other.defaultText === option.defaultText && other.sentence === option.sentence),
      `the option ${option.name} is declared in two ways`,
    );
    if (other === undefined) byName.set(option.name, option);
  }
  return [...byName.values()];
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return null;
}

function unknownNames(options: readonly Option<unknown>[], sources: ConfigurationSources): OptionRefusal[] {
  const names = new Set(options.map((option) => option.name));
  const variables = new Set(options.map((option) => environmentNameOf(option.name)));
  const refusal = (option: string, origin: Origin): OptionRefusal => ({
    option,
    origin,
    rule: 'unknown',
    message: 'is not an option; `tradehall config` lists them all',
  });
  return [
    ...Object.keys(sources.flags)
      .filter((name) => !names.has(name))
      .map((name) => refusal(name, 'flag')),
    ...Object.keys(sources.environment)
      .filter((name) => name.startsWith(PREFIX) && !variables.has(name))
      .map((name) => refusal(name, 'environment')),
    ...Object.keys(sources.file)
      .filter((name) => !names.has(name))
      .map((name) => refusal(name, 'file')),
  ];
}

/** What the sources say of one option, the one that counts first; the default only where none says anything. */
function saidOf(
  option: Option<unknown>,
  { flags, environment, file }: ConfigurationSources,
): readonly { readonly origin: Origin; readonly raw: unknown }[] {
  const said: { readonly origin: Origin; readonly raw: unknown }[] = [];
  const flag = flags[option.name];
  if (flag !== undefined) said.push({ origin: 'flag', raw: flag });
  const variable = environment[environmentNameOf(option.name)];
  if (variable !== undefined) said.push({ origin: 'environment', raw: variable });
  if (Object.hasOwn(file, option.name)) said.push({ origin: 'file', raw: file[option.name] });
  return said.length > 0 ? said : [{ origin: 'default', raw: option.defaultText }];
}

function readValue(option: Option<unknown>, origin: Origin, raw: unknown): EffectiveValue | OptionRefusal {
  const text = textOf(raw);
  if (text === null)
    return { option: option.name, origin, rule: 'type', message: 'must be a text, a number, true or false' };
  const parsed = option.parse(text);
  if (parsed.kind === 'value') return { option, text, value: parsed.value, origin };
  assert.notEqual(origin, 'default', `the default of ${option.name} breaks its own rule: ${parsed.message}`);
  return { option: option.name, origin, rule: parsed.rule, message: parsed.message };
}

export function resolveConfiguration(
  records: readonly OptionRecord[],
  sources: ConfigurationSources,
): ResolvedConfiguration {
  const options = joinOptions(records);
  const refusals = unknownNames(options, sources);
  const values: EffectiveValue[] = [];
  for (const option of options) {
    // All are read: a mistake that a flag hides today stops another start.
    const read = saidOf(option, sources).map(({ origin, raw }) => readValue(option, origin, raw));
    refusals.push(...read.filter((one) => 'rule' in one));
    const [first] = read;
    if (first !== undefined && 'value' in first) values.push(first);
  }
  if (refusals.length > 0) return { kind: 'refused', refusals };
  const byName = new Map(values.map((value) => [value.option.name, value]));
  return {
    kind: 'resolved',
    configuration: {
      values,
      of: <Options extends OptionRecord>(record: Options) =>
        Object.fromEntries(
          Object.entries(record).map(([key, option]) => {
            const found = byName.get(option.name);
            assert.ok(found !== undefined, `the option ${option.name} was not resolved`);
            return [key, found.value];
          }),
        ) as ConfigurationOf<Options>,
    },
  };
}

/** One refusal as a sentence, naming the option the way its source spells it. */
export function describeRefusal(refusal: OptionRefusal): string {
  const spelt = {
    flag: flagOf(refusal.option),
    environment: refusal.rule === 'unknown' ? refusal.option : environmentNameOf(refusal.option),
    file: `"${refusal.option}" in the configuration file`,
    default: refusal.option,
  }[refusal.origin];
  return `${spelt} ${refusal.message}.`;
}
