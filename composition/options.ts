/** The options of the process itself: where its data is, which adapter stands behind each port, how it logs. */
import {
  parseServerUrl,
  type ServerAddress,
  type ServerScheme,
  withoutPassword,
} from '#infrastructure/common/server-address.ts';
import { CA_FILE } from '#infrastructure/common/server-tls.ts';
import {
  booleanOption,
  type ConfigurationOf,
  integerOption,
  type Option,
  textOption,
} from '#infrastructure/core/options.ts';
import { LOG_LEVELS, type LogLevel } from '#infrastructure/core/pino-logger.ts';
import { KAFKA_URL } from '#infrastructure/event-log/kafka/kafka-url.ts';

/** A port's URL, taken apart. */
export interface AdapterUrl {
  readonly scheme: string;
  /** `null` for an embedded adapter. */
  readonly server: ServerAddress | null;
}

interface AdapterDeclaration {
  readonly name: string;
  readonly sentence: string;
  readonly embedded: string;
  readonly servers?: Readonly<Record<string, ServerScheme>>;
}

function adapterOption({ name, sentence, embedded, servers = {} }: AdapterDeclaration): Option<AdapterUrl> {
  const schemes = [embedded, ...Object.keys(servers)];
  const examples = Object.values(servers).map(({ example }) => `\`${example}\``);
  const declaration = {
    name,
    default: `${embedded}:`,
    sentence: examples.length === 0 ? sentence : `${sentence} Or a server: ${examples.join(', ')}.`,
    shown: withoutPassword,
  };
  return textOption<AdapterUrl>(declaration, (text) => {
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
    const server = servers[scheme];
    if (server !== undefined) {
      const parsed = parseServerUrl(text, server);
      return parsed.kind === 'refused' ? parsed : { kind: 'value', value: { scheme, server: parsed.value } };
    }
    if (rest !== '') {
      return {
        kind: 'refused',
        rule: 'url',
        message: `takes nothing after "${scheme}:"; its files are in the data folder`,
      };
    }
    return { kind: 'value', value: { scheme, server: null } };
  });
}

/** Instead of a password in the URL, which a list of processes shows. `null` for none. */
function passwordFileOption(port: string): Option<string | null> {
  return textOption(
    {
      name: `${port}_password_file`,
      default: '',
      sentence: `A file with the password of the server that \`${port}\` names, rather than in its URL.`,
    },
    (text) => ({ kind: 'value', value: text === '' ? null : text }),
  );
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
/** As both search servers take it; without a dash, so that no alias is the beginning of another's indices. */
const INDEX_ALIAS = /^[a-z0-9][a-z0-9_]{0,99}$/;
const RETENTION_DAYS = /^[1-9][0-9]{0,5}$/;

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
    embedded: 'file',
    servers: {
      kafka: KAFKA_URL,
    },
  }),
  eventLogPasswordFile: passwordFileOption('event_log'),
  streamRunner: adapterOption({
    name: 'stream_runner',
    sentence: 'Where trade-execution and trade-persistence run.',
    embedded: 'in-process',
  }),
  cache: adapterOption({
    name: 'cache',
    sentence: "Latest prices, rate limits and tickets: in this process's memory.",
    embedded: 'memory',
    servers: {
      redis: {
        product: 'Redis',
        example: 'redis://host:6379/0',
        defaultPort: 6_379,
        path: /^[0-9]{1,4}$/,
        parameters: { ca: CA_FILE },
      },
    },
  }),
  cachePasswordFile: passwordFileOption('cache'),
  portfolios: adapterOption({
    name: 'portfolios',
    sentence: 'The portfolio store: SQLite in the data folder.',
    embedded: 'file',
    servers: {
      dynamodb: {
        product: 'DynamoDB',
        example: 'dynamodb://eu-central-1/trading_portfolios',
        defaultPort: 443,
        path: /^[A-Za-z0-9_.-]{3,255}$/,
        // Credentials come as every AWS program takes them: environment, profile, role.
        credentials: false,
        parameters: { endpoint: /^https?:\/\/[^@/?#]+\/?$/ },
      },
    },
  }),
  history: adapterOption({
    name: 'history',
    sentence: 'The trade history: SQLite in the data folder.',
    embedded: 'file',
    servers: {
      elasticsearch: {
        product: 'Elasticsearch',
        example: 'elasticsearch://host:9200',
        defaultPort: 9_200,
        manyHosts: true,
        path: INDEX_ALIAS,
        parameters: { retentionDays: RETENTION_DAYS },
      },
      opensearch: {
        product: 'OpenSearch',
        example: 'opensearch://host:9200',
        defaultPort: 9_200,
        manyHosts: true,
        path: INDEX_ALIAS,
        parameters: { retentionDays: RETENTION_DAYS },
      },
    },
  }),
  historyPasswordFile: passwordFileOption('history'),
  analytics: adapterOption({
    name: 'analytics',
    sentence: 'The trade analytics: DuckDB in the data folder.',
    embedded: 'file',
    servers: {
      clickhouse: {
        product: 'ClickHouse',
        example: 'clickhouse://host:8123/tradehall',
        defaultPort: 8_123,
        path: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
        parameters: { retentionDays: RETENTION_DAYS },
      },
    },
  }),
  analyticsPasswordFile: passwordFileOption('analytics'),
  database: adapterOption({
    name: 'database',
    sentence: 'The relational database: SQLite in the data folder.',
    embedded: 'file',
    servers: {
      postgres: {
        product: 'PostgreSQL',
        example: 'postgres://user@host:5432/tradehall',
        defaultPort: 5_432,
        path: /^[A-Za-z0-9_.-]{1,63}$/,
        parameters: { ca: CA_FILE },
      },
    },
  }),
  databasePasswordFile: passwordFileOption('database'),
  broker: adapterOption({ name: 'broker', sentence: 'Where orders are worked.', embedded: 'venue' }),
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
