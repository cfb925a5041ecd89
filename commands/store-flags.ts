/** Where the stores are, for commands that need nothing else of the configuration: loading all of it takes a second. */
import type { Command } from 'commander';
import { type ProcessConfig, processOptions } from '#composition/options.ts';
import { readEnvironment } from '#infrastructure/core/config.ts';
import {
  describeRefusal,
  environmentNameOf,
  resolveConfiguration,
} from '#infrastructure/core/configuration.ts';
import { dataFolderOf } from './data-flag.ts';
import { UsageError } from './terminal.ts';

const STORES = ['portfolios', 'history', 'analytics', 'database'] as const;
const WITH_PASSWORD = ['history', 'analytics', 'database'] as const;

/** Adds what names a store that is on a server. */
export function addStoreFlags(command: Command): Command {
  for (const store of STORES) {
    command.option(`--${store} <url>`, `The option ${store}, when it names a server: as \`start\` has it.`);
  }
  for (const store of WITH_PASSWORD) {
    command.option(`--${store}-password-file <file>`, 'A file with the password for it.');
  }
  return command;
}

/** By flag or variable, else the default. Throws a `UsageError`. */
export function processConfigOf(flags: Readonly<Record<string, unknown>>): ProcessConfig {
  const given: Record<string, string> = { data: dataFolderOf(flags) };
  for (const name of STORES) addText(given, name, flags[name]);
  for (const name of WITH_PASSWORD) addText(given, `${name}_password_file`, flags[`${name}PasswordFile`]);
  const known = Object.values(processOptions).map(({ name }) => environmentNameOf(name));
  const environment = Object.fromEntries(
    Object.entries(readEnvironment()).filter(([name]) => known.includes(name)),
  );
  const resolved = resolveConfiguration([processOptions], { flags: given, environment, file: {} });
  if (resolved.kind === 'resolved') return resolved.configuration.of(processOptions);
  throw new UsageError(resolved.refusals.map(describeRefusal).join('\n'));
}

function addText(given: Record<string, string>, name: string, value: unknown): void {
  if (typeof value === 'string') given[name] = value;
}
