/** The options of the process itself: where its data is, which adapter stands behind each port, how it logs. */
import {
  booleanOption,
  type ConfigurationOf,
  integerOption,
  type Option,
  textOption,
} from '#infrastructure/core/options.ts';
import { LOG_LEVELS, type LogLevel } from '#infrastructure/core/pino-logger.ts';

/** A port's URL, taken apart. */
export interface AdapterUrl {
  readonly scheme: string;
  /** What follows the colon. */
  readonly rest: string;
}

interface AdapterDeclaration {
  readonly name: string;
  readonly sentence: string;
  /** The embedded default first. */
  readonly schemes: readonly [string, ...string[]];
}

function adapterOption({ name, sentence, schemes }: AdapterDeclaration): Option<AdapterUrl> {
  return textOption({ name, default: `${schemes[0]}:`, sentence }, (text) => {
    const colon = text.indexOf(':');
    const scheme = colon < 0 ? text : text.slice(0, colon);
    const rest = colon < 0 ? '' : text.slice(colon + 1);
    if (!schemes.includes(scheme)) {
      return {
        kind: 'refused',
        rule: 'scheme',
        message: `names the backend "${scheme}", which this version does not have; it has ${schemes.map((known) => `${known}:`).join(', ')}`,
      };
    }
    if (rest !== '') {
      return {
        kind: 'refused',
        rule: 'url',
        message: `takes nothing after "${scheme}:"; its files are in the data folder`,
      };
    }
    return { kind: 'value', value: { scheme, rest } };
  });
}

function choiceOption<Choice extends string>(
  declaration: { readonly name: string; readonly default: Choice; readonly sentence: string },
  choices: readonly Choice[],
): Option<Choice> {
  return textOption(declaration, (text) => {
    const choice = choices.find((known) => known === text);
    return choice === undefined
      ? { kind: 'refused', rule: 'enum', message: `must be one of ${choices.join(', ')}` }
      : { kind: 'value', value: choice };
  });
}

const DAY_MS = 86_400_000;

export const processOptions = {
  data: textOption(
    { name: 'data', default: './data', sentence: 'The data folder; one instance at a time uses it.' },
    (text) =>
      text === ''
        ? { kind: 'refused', rule: 'path', message: 'must be a path' }
        : { kind: 'value', value: text },
  ),
  eventLog: adapterOption({
    name: 'event_log',
    sentence: 'The event log: SQLite in the data folder.',
    schemes: ['file'],
  }),
  streamRunner: adapterOption({
    name: 'stream_runner',
    sentence: 'Where trade-execution and trade-persistence run.',
    schemes: ['in-process'],
  }),
  cache: adapterOption({
    name: 'cache',
    sentence: 'Latest prices, rate limits and tickets.',
    schemes: ['memory'],
  }),
  portfolios: adapterOption({
    name: 'portfolios',
    sentence: 'The portfolio store: SQLite in the data folder.',
    schemes: ['file'],
  }),
  history: adapterOption({
    name: 'history',
    sentence: 'The trade history: SQLite in the data folder.',
    schemes: ['file'],
  }),
  analytics: adapterOption({
    name: 'analytics',
    sentence: 'The trade analytics: DuckDB in the data folder.',
    schemes: ['file'],
  }),
  database: adapterOption({
    name: 'database',
    sentence: 'The relational database: SQLite in the data folder.',
    schemes: ['file'],
  }),
  broker: adapterOption({ name: 'broker', sentence: 'Where orders are worked.', schemes: ['venue'] }),
  partitions: integerOption({
    name: 'partitions',
    default: '4',
    minimum: 1,
    maximum: 1_024,
    sentence: 'Partitions of accounts; fixed when the log is created.',
  }),
  marketDataRetentionMs: integerOption({
    name: 'market_data_retention_ms',
    default: String(7 * DAY_MS),
    unit: 'ms',
    minimum: 60_000,
    maximum: 3_650 * DAY_MS,
    sentence: 'How long prices stay in the log. Trading records stay for ever.',
  }),
  logExpiryIntervalMs: integerOption({
    name: 'log_expiry_interval_ms',
    default: '60000',
    unit: 'ms',
    minimum: 1_000,
    maximum: DAY_MS,
    sentence: 'How often the log removes what its retention allows.',
  }),
  analyticsMemoryMb: integerOption({
    name: 'analytics_memory_mb',
    default: '128',
    unit: 'MB',
    minimum: 32,
    maximum: 1_048_576,
    sentence: 'Memory that the analytics database may take.',
  }),
  analyticsThreads: integerOption({
    name: 'analytics_threads',
    default: '1',
    minimum: 1,
    maximum: 256,
    sentence: 'Threads that the analytics database may use.',
  }),
  logLevel: choiceOption<LogLevel>(
    { name: 'log_level', default: 'info', sentence: `What is logged: ${LOG_LEVELS.join(', ')}.` },
    LOG_LEVELS,
  ),
  logFormat: choiceOption(
    {
      name: 'log_format',
      default: 'auto',
      sentence: 'How it is logged: json, text, or auto (text on a terminal, else json).',
    },
    ['auto', 'json', 'text'],
  ),
  processMetrics: booleanOption({
    name: 'process_metrics',
    default: 'true',
    sentence: "Whether /metrics shows the process's own figures too.",
  }),
};

export type ProcessConfig = ConfigurationOf<typeof processOptions>;
