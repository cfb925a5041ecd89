/** The configuration as every command sees it: its flags, the environment, the file of --config, the defaults. */
import type { Command } from 'commander';
import { Option as Flag } from 'commander';
import { optionGroups } from '#composition/targets.ts';
import { readConfigurationFile, readEnvironment } from '#infrastructure/core/config.ts';
import {
  type Configuration,
  describeRefusal,
  flagOf,
  joinOptions,
  resolveConfiguration,
} from '#infrastructure/core/configuration.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Option } from '#infrastructure/core/options.ts';
import { UsageError } from './terminal.ts';

const records = optionGroups.map((group) => group.options);

/** What `--help` of `start` names; the others are flags too, and `tradehall config` lists them. */
const SHOWN = ['data', 'host', 'port', 'feed', 'replay_speed', 'seed', 'tls_cert', 'tls_key', 'log_level'];

function isSwitch(option: Option<unknown>): boolean {
  return (
    option.parse('true').kind === 'value' &&
    option.parse('false').kind === 'value' &&
    option.parse('1').kind === 'refused'
  );
}

function attributeOf(option: Option<unknown>): string {
  return new Flag(`${flagOf(option.name)} <value>`).attributeName();
}

/** Gives `command` a flag for every option of the program, and `--config`. */
export function addConfigurationFlags(command: Command): void {
  const options = joinOptions(records);
  const shown = options.filter((option) => SHOWN.includes(option.name));
  const hidden = options.filter((option) => !SHOWN.includes(option.name));
  for (const option of [...shown, ...hidden]) {
    const unit = option.unit === null ? '' : `, ${option.unit}`;
    const fallback = option.defaultText === '' ? '' : ` (default ${option.defaultText}${unit})`;
    const flag = isSwitch(option)
      ? new Flag(`${flagOf(option.name)} [value]`, option.sentence + fallback).preset('true')
      : new Flag(`${flagOf(option.name)} <value>`, option.sentence + fallback);
    command.addOption(SHOWN.includes(option.name) ? flag : flag.hideHelp());
  }
  command.option('--config <file>', 'JSON file of options, by their names in snake case.');
}

/** Resolves the flags that `addConfigurationFlags` gave. Throws a `UsageError` that names every refused option. */
export function effectiveConfiguration(flags: Readonly<Record<string, unknown>>): Configuration {
  const given: Record<string, string> = {};
  for (const option of joinOptions(records)) {
    const value = flags[attributeOf(option)];
    if (typeof value === 'string') given[option.name] = value;
  }
  const path = flags['config'];
  let file: Readonly<Record<string, unknown>> = {};
  try {
    if (typeof path === 'string') file = readConfigurationFile(path);
  } catch (error) {
    if (error instanceof OperatingError) throw new UsageError(error.message);
    throw error;
  }
  const resolved = resolveConfiguration(records, { flags: given, environment: readEnvironment(), file });
  if (resolved.kind === 'resolved') return resolved.configuration;
  throw new UsageError(resolved.refusals.map(describeRefusal).join('\n'));
}
