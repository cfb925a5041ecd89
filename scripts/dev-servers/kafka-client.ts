/**
 * Compiles Kafka's client, `@confluentinc/kafka-javascript`: its own installation fetches a binary from elsewhere, which
 * `ignore-scripts` and many networks do not let it. The result belongs to one version of it and one of Node; it is kept
 * in the cache folder, so that a fresh node_modules only needs a copy.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onPath, runCommand } from '../run-command.ts';
import { installOnce } from './install.ts';
import { needTools, type Say } from './packages.ts';

export const KAFKA_CLIENT = 'kafka-client';

const PACKAGE = '@confluentinc/kafka-javascript';
const BINARY = join('build', 'Release', 'confluent-kafka-javascript.node');

/** The binary looks for them there, relative to itself. */
const LIBRARIES = ['librdkafka.so.1', 'librdkafka++.so.1'].map((name) => join('build', 'deps', name));

/** Puts the binary into `node_modules` of this repository, where it is not there already. */
export async function installKafkaClient(say: Say): Promise<void> {
  const modules = join(import.meta.dirname, '..', '..', 'node_modules');
  const binary = join(modules, PACKAGE, BINARY);
  if (existsSync(binary)) return;
  const { version } = JSON.parse(readFileSync(join(modules, PACKAGE, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const part = `kafka-client-${version}-node-${process.versions.modules}-${process.arch}`;
  const built = await installOnce(part, (folder) => compile(folder, version, say), say);
  // The binary last: what finds it takes the whole to be there.
  for (const file of [...LIBRARIES, BINARY]) {
    const target = join(modules, PACKAGE, file);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(built, 'node_modules', PACKAGE, file), target);
  }
}

async function compile(folder: string, version: string, say: Say): Promise<void> {
  const hasTools = (): boolean =>
    onPath('g++') !== undefined && onPath('make') !== undefined && onPath('python3') !== undefined;
  await needTools('A C++ compiler with make and Python', hasTools, ['g++', 'make', 'python3'], say);
  const hasLibraries = (): boolean =>
    existsSync('/usr/include/openssl/ssl.h') && existsSync('/usr/include/zlib.h');
  await needTools('The headers of OpenSSL and zlib', hasLibraries, ['libssl-dev', 'zlib1g-dev'], say);
  say('compiling takes some two minutes');
  await runCommand('npm', [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `${PACKAGE}@${version}`,
    '--prefix',
    folder,
  ]);
  await runCommand(
    'npm',
    ['rebuild', '--ignore-scripts=false', '--foreground-scripts', PACKAGE, '--prefix', folder],
    {
      env: {
        CKJS_LINKING: 'dynamic',
        // The headers of the Node that runs this, as its package brings them.
        npm_config_nodedir: dirname(dirname(process.execPath)),
      },
    },
  );
}
