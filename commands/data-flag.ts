/** `--data` alone, for commands that need nothing else of the configuration: loading all its options takes a second. */
import type { Command } from 'commander';
import { processOptions } from '#composition/options.ts';
import { readEnvironment } from '#infrastructure/core/config.ts';
import { UsageError } from './terminal.ts';

/** Adds `--data` alone, for commands that need nothing else of the configuration. */
export function addDataFlag(command: Command): Command {
  return command.option('--data <folder>', `The data folder (default ${processOptions.data.defaultText}).`);
}

/** The data folder: the flag, else TRADEHALL_DATA, else the default. Other variables are none of these commands' business. */
export function dataFolderOf(flags: Readonly<Record<string, unknown>>): string {
  const flag = flags['data'];
  const text =
    typeof flag === 'string'
      ? flag
      : (readEnvironment()['TRADEHALL_DATA'] ?? processOptions.data.defaultText);
  const parsed = processOptions.data.parse(text);
  if (parsed.kind === 'refused') throw new UsageError(`--data ${parsed.message}.`);
  return parsed.value;
}
