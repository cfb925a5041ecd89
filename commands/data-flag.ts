/** `--data` alone, and where the event log is, for commands that need nothing else of the configuration: loading all its options takes a second. */
import type { Command } from 'commander';
import { processOptions } from '#composition/options.ts';
import { withPasswordOf } from '#composition/server-password.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { readEnvironment } from '#infrastructure/core/config.ts';
import { UsageError } from './terminal.ts';

/** Adds `--data` alone, for commands that need nothing else of the configuration. */
export function addDataFlag(command: Command): Command {
  return command.option('--data <folder>', `The data folder (default ${processOptions.data.defaultText}).`);
}

/** Adds `--data` and what names a log that is on a server. */
export function addLogFlags(command: Command): Command {
  return addDataFlag(command)
    .option('--event-log <url>', 'The event log, when it is on a server: as `start` has it.')
    .option('--event-log-password-file <file>', 'A file with the password for it.');
}

/** The server that the log is on: by flag or variable; `null` when it is in the data folder. */
export function logServerOf(flags: Readonly<Record<string, unknown>>): ServerAddress | null {
  const { TRADEHALL_EVENT_LOG, TRADEHALL_EVENT_LOG_PASSWORD_FILE } = readEnvironment();
  const url = textOr(flags['eventLog'], TRADEHALL_EVENT_LOG ?? processOptions.eventLog.defaultText);
  const file = textOr(flags['eventLogPasswordFile'], TRADEHALL_EVENT_LOG_PASSWORD_FILE ?? '');
  const parsed = processOptions.eventLog.parse(url);
  if (parsed.kind === 'refused') throw new UsageError(`--event-log ${parsed.message}.`);
  const { server } = parsed.value;
  return server === null ? null : withPasswordOf('event_log', server, file === '' ? null : file);
}

function textOr(flag: unknown, otherwise: string): string {
  return typeof flag === 'string' ? flag : otherwise;
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
