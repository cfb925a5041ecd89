/** Tradehall as many processes on real servers: started, killed, started again on the same port, stopped. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../scripts/dev-servers/free-port.ts';
import { eventually } from '../e2e/eventually.ts';
import { type RunningProgram, runWith, startIn } from '../e2e/program.ts';
import { startServer } from '../support/servers.ts';
import { type Members, REACHED, SERVERS } from './layout.ts';

type Server = Awaited<ReturnType<typeof startServer>>;
type Variables = Readonly<Record<string, string>>;
type VariablesByTarget = Readonly<Record<string, Variables>>;

export interface Servers {
  readonly all: readonly Server[];
  /** That name them to a process. */
  readonly variables: Variables;
  /** Has the search index show what it was given, which it does by itself a second later. */
  refreshSearch(): Promise<void>;
}

const RESTART_MS = 120_000;
const SERVICE_KEYS = `k1:${'0123456789abcdef'.repeat(4)}`;

export interface Process {
  readonly name: string;
  readonly target: string;
  readonly url: string;
  readonly dataFolder: string;
}

interface Member extends Process {
  readonly port: number;
  running: RunningProgram | null;
}

export interface Cluster {
  readonly variables: Variables;
  readonly servers: readonly Server[];
  readonly processes: readonly Process[];
  readonly gateways: readonly Process[];
  /** SIGKILL, then a start on the same port and folder; resolves when it is ready again. */
  killAndRestart(process: Process): Promise<void>;
  /** SIGTERM, and the same. */
  restart(process: Process): Promise<void>;
  /** SIGTERM to one for good. */
  end(process: Process): Promise<void>;
  /** SIGTERM to all; the exit codes that are not 0, with what was said. */
  stop(): Promise<readonly string[]>;
  /** SIGKILL to all at once. */
  killAll(): Promise<void>;
  /** After `killAll`: on the same ports and folders, with other variables by target. */
  startAll(variablesOf: VariablesByTarget): Promise<void>;
  /** What the processes of a target have said since they were started. */
  said(target: string): string;
}

/** One of each of the test's own, all empty. */
export async function startServers(without: readonly string[] = []): Promise<Servers> {
  const entries = await Promise.all(
    Object.entries(SERVERS)
      .filter(([option]) => !without.includes(option))
      .map(async ([option, name]) => [option, await startServer(name)] as const),
  );
  const all = entries.map(([, server]) => server);
  return {
    all,
    async refreshSearch() {
      const url = all.find(({ name }) => name === 'opensearch')?.url.replace('opensearch:', 'http:');
      const answer = await fetch(`${url}/_refresh`, { method: 'POST' });
      if (!answer.ok) throw new Error(`refreshing the index: ${answer.status} ${await answer.text()}`);
    },
    variables: {
      ...Object.fromEntries(entries.map(([option, { url }]) => [`TRADEHALL_${option.toUpperCase()}`, url])),
      // The emulator takes any.
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
  };
}

/** What an operator does once on new servers; `folder` is made. */
export async function prepareServers(variables: Variables, folder: string): Promise<void> {
  const { code, stderr } = await runWith(variables, 'prepare', '--data', folder);
  if (code !== 0) throw new Error(`tradehall prepare: ${stderr}`);
}

/** The servers prepared, then every process; the gateways last. `variablesOf`: by target. */
export async function startCluster(
  folder: string,
  layout: readonly Members[],
  servers: Servers,
  variablesOf: VariablesByTarget = {},
): Promise<Cluster> {
  const variables: Variables = {
    ...servers.variables,
    TRADEHALL_SERVICE_KEYS: SERVICE_KEYS,
    TRADEHALL_LOG_LEVEL: 'warn',
  };
  await prepareServers(variables, join(folder, 'prepare'));
  const members: Member[] = [];
  for (const { target, count } of layout) {
    for (let number = 1; number <= count; number += 1) {
      const port = await freePort();
      const name = `${target}-${number}`;
      const dataFolder = join(folder, name);
      mkdirSync(dataFolder, { recursive: true });
      members.push({ name, target, url: `http://127.0.0.1:${port}`, dataFolder, port, running: null });
    }
  }
  const addresses = Object.fromEntries(
    Object.entries(REACHED).map(([target, variable]) => [
      variable,
      members
        .filter((member) => member.target === target)
        .map(({ url }) => url)
        .join(','),
    ]),
  );
  const isGateway = ({ target }: Member): boolean => target === 'api-gateway';
  const gateways = members.filter(isGateway);
  const others = members.filter((member) => !isGateway(member));

  let variablesByTarget = variablesOf;
  const start = async (member: Member): Promise<void> => {
    const { target, dataFolder, port } = member;
    const more = { ...(isGateway(member) ? addresses : {}), ...variablesByTarget[target] };
    const words = [target, '--data', dataFolder, '--port', String(port)];
    member.running = await startIn({ variables: { ...variables, ...more } }, words);
  };
  const killAll = async (): Promise<void> => {
    await Promise.all(members.map(({ running }) => running?.end('SIGKILL')));
  };
  const startAll = async (): Promise<void> => {
    for (const some of [others, gateways]) {
      const outcomes = await Promise.allSettled(some.map(start));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed === undefined) continue;
      await killAll();
      throw failed.reason;
    }
  };
  await startAll();

  const memberOf = (process: Process): Member => {
    const member = members.find(({ name }) => name === process.name);
    if (member === undefined) throw new Error(`there is no process ${process.name}`);
    return member;
  };
  const again = async (process: Process, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const member = memberOf(process);
    await member.running?.end(signal);
    member.running = null;
    // As whatever keeps processes running does: a start that meets a server that is down ends with a sentence.
    await eventually(
      `${member.name} starts again`,
      () =>
        start(member).then(
          () => true as const,
          (error: Error) => {
            if (!error.message.includes('it ended with 1')) throw error;
            return null;
          },
        ),
      RESTART_MS,
    );
  };
  return {
    variables,
    servers: servers.all,
    processes: members,
    gateways,
    killAndRestart: (process) => again(process, 'SIGKILL'),
    restart: (process) => again(process, 'SIGTERM'),
    async end(process) {
      const member = memberOf(process);
      await member.running?.end('SIGTERM');
      member.running = null;
    },
    async stop() {
      const unclean: string[] = [];
      // Gateways first, so that no request is under way when its service ends.
      for (const some of [gateways, others]) {
        await Promise.all(
          some.map(async ({ name, running }) => {
            const finished = await running?.end('SIGTERM');
            if (finished !== undefined && finished.code !== 0)
              unclean.push(`${name} ended with ${finished.code}: ${finished.stderr}`);
          }),
        );
      }
      return unclean;
    },
    killAll,
    async startAll(changed) {
      variablesByTarget = changed;
      await startAll();
    },
    said: (target) =>
      members
        .filter((member) => member.target === target)
        .map(({ running }) => running?.stderr() ?? '')
        .join(''),
  };
}
