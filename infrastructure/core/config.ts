/**
 * The outside half of configuration: the environment, the configuration file, files of secrets. The only place that reads the
 * environment.
 */
import { readFileSync } from 'node:fs';
import { readJson } from './json-text.ts';
import { OperatingError } from './operating-error.ts';

/** Options are names and values; one level more, so that a value that is a list or an object is refused by its option. */
const DEEPEST = 3;

/** The process's environment, as it is now. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** Throws an `OperatingError` (`CONFIG_UNREADABLE`) that says what is wrong with the file. */
export function readConfigurationFile(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw new OperatingError('CONFIG_UNREADABLE', `--config: ${path} cannot be read (${reason}).`, {
      retry: 'never',
      cause,
    });
  }
  const read = readJson(text, DEEPEST);
  if (read.kind === 'refused') {
    const { field, rule, message } = read;
    // What the parser says besides may quote a password.
    const what =
      rule === 'json' ? `is not JSON${whereIn(text)}` : `${field === 'body' ? '' : `${field} `}${message}`;
    throw new OperatingError('CONFIG_UNREADABLE', `--config: ${path}: ${what}.`, { retry: 'never' });
  }
  const parsed = read.value;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new OperatingError('CONFIG_UNREADABLE', `--config: ${path} must hold one JSON object of options.`, {
      retry: 'never',
    });
  }
  return parsed as Record<string, unknown>;
}

/** The whole of a file that an option names, without the line end. Throws an `OperatingError` (`CONFIG_UNREADABLE`). */
export function readSecretFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw new OperatingError(
      'CONFIG_UNREADABLE',
      `The option ${option}: ${path} cannot be read (${reason}).`,
      {
        retry: 'never',
        cause,
      },
    );
  }
}

function whereIn(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    const [place = ''] = / \(line \d+ column \d+\)/.exec(String(error)) ?? [];
    return place;
  }
}
