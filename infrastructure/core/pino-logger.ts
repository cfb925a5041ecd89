/**
 * The production `Logger`: pino, on standard error.
 *
 * JSON for machines, one line per entry; on a terminal, plain lines for people. Fields that carry secrets are
 * removed by name wherever they stand within the first levels of an entry; of errors only what is named here is written.
 */
import { type DestinationStream, type Logger as PinoInstance, pino } from 'pino';
import type { Logger } from './log.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'json' | 'text';

const SECRET_NAMES = [
  'secret',
  'secretHash',
  'authorization',
  'password',
  'ticket',
  'token',
  'authToken',
  'apiKey',
  '["apca-api-secret-key"]',
  '["sec-websocket-protocol"]',
];

function redactedPaths(): string[] {
  return SECRET_NAMES.flatMap((name) => {
    const member = name.startsWith('[') ? name : `.${name}`;
    return [name, `*${member}`, `*.*${member}`];
  });
}

/** Of what an error says of itself: clients hang the command with its password, or the request with its headers, on theirs. */
const ERROR_MEMBERS = ['message', 'stack', 'code', 'retry'] as const;
/** Of causes that cause each other. */
const DEEPEST_CAUSE = 8;

function describeError(thrown: unknown, depth = 0): unknown {
  if (typeof thrown !== 'object' || thrown === null) return thrown;
  if (depth === DEEPEST_CAUSE) return 'and so on';
  const error = thrown as Readonly<Record<string, unknown>>;
  const told: Record<string, unknown> = { type: thrown.constructor?.name };
  for (const name of ERROR_MEMBERS) {
    const value = error[name];
    if (typeof value === 'string' || typeof value === 'number') told[name] = value;
  }
  if (Array.isArray(error['errors'])) {
    told['errors'] = error['errors'].map((each: unknown) => describeError(each, depth + 1));
  }
  if (error['cause'] !== undefined) told['cause'] = describeError(error['cause'], depth + 1);
  return told;
}

/** A field given again replaces the one before, since pino would print both. */
function wrap(root: PinoInstance, bindings: Readonly<Record<string, unknown>>): Logger {
  const instance = root.child(bindings);
  return {
    debug: (fields, message) => instance.debug(fields, message),
    info: (fields, message) => instance.info(fields, message),
    warn: (fields, message) => instance.warn(fields, message),
    error: (fields, message) => instance.error(fields, message),
    child: (fields) => wrap(root, { ...bindings, ...fields }),
  };
}

const HIDDEN_IN_TEXT = new Set(['level', 'time', 'msg']);

/** One entry as a person reads it: time, level where it matters, the sentence, then the fields. */
export function renderText(line: string): string {
  const entry: Record<string, unknown> = JSON.parse(line);
  const fields = Object.entries(entry)
    .filter(([name]) => !HIDDEN_IN_TEXT.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const level = entry['level'] === 'info' ? '' : `${String(entry['level']).toUpperCase()} `;
  const tail = fields.length === 0 ? '' : `  (${fields.join(' ')})`;
  return `${String(entry['time']).slice(11, 19)} ${level}${String(entry['msg'])}${tail}\n`;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes whole lines. */
  write(text: string): void;
}

export function createLogger(options: LoggerOptions): Logger {
  const describe = (thrown: unknown): unknown => describeError(thrown);
  const destination: DestinationStream = {
    write: (line) => options.write(options.format === 'json' ? line : renderText(line)),
  };
  return wrap(
    pino(
      {
        level: options.level,
        base: null,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: describe, err: describe, cause: describe },
        redact: { paths: redactedPaths(), censor: '[secret]' },
      },
      destination,
    ),
    {},
  );
}
