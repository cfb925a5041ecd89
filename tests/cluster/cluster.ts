/** Tradehall as many processes on real servers: started, killed, started again on the same port, stopped. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../scripts/dev-servers/free-port.ts';
import { eventually } from '../e2e/eventually.ts';
import { type RunningProgram, runWith, startIn } from '../e2e/program.ts';
import { startServer } from '../support/servers.ts';
import { GATEWAYS, LAYOUT, REACHED, SERVERS } from './layout.ts';

type Server = Awaited<ReturnType<typeof startServer>>;
type Variables = Readonly<Record<string, string>>;

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
  readonly variables: Variables;
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
  killAll(): Promise<void>;
}

/** Every server, the portfolio table, then every process; the gateways last. `variablesOf`: by target. */
export async function startCluster(
  folder: string,
  variablesOf: Readonly<Record<string, Variables>> = {},
): Promise<Cluster> {
  const entries = await Promise.all(
    Object.entries(SERVERS).map(async ([option, name]) => [option, await startServer(name)] as const),
  );
  const variables: Variables = {
    ...Object.fromEntries(entries.map(([option, { url }]) => [`TRADEHALL_${option.toUpperCase()}`, url])),
    TRADEHALL_SERVICE_KEYS: SERVICE_KEYS,
    TRADEHALL_LOG_LEVEL: 'warn',
    // The emulator takes any.
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  const members: Member[] = [];
  const add = async (target: string, number: number, more: Variables = {}): Promise<Member> => {
    const port = await freePort();
    const name = `${target}-${number}`;
    const dataFolder = join(folder, name);
    mkdirSync(dataFolder, { recursive: true });
    const url = `http://127.0.0.1:${port}`;
    const member: Member = {
      name,
      target,
      url,
      dataFolder,
      port,
      variables: { ...variables, ...more },
      running: null,
    };
    members.push(member);
    return member;
  };
  const start = async (member: Member): Promise<void> => {
    const { variables: own, target, dataFolder, port } = member;
    const words = [target, '--data', dataFolder, '--port', String(port)];
    member.running = await startIn({ variables: own }, words);
  };

  const prepared = await runWith(variables, 'prepare', '--data', join(folder, 'prepare'));
  if (prepared.code !== 0) throw new Error(`tradehall prepare: ${prepared.stderr}`);
  for (const { target, count } of LAYOUT)
    for (let n = 1; n <= count; n += 1) await add(target, n, variablesOf[target]);
  await Promise.all(members.map(start));
  const urls = Object.fromEntries(
    Object.entries(REACHED).map(([target, variable]) => [
      variable,
      members
        .filter((member) => member.target === target)
        .map(({ url }) => url)
        .join(','),
    ]),
  );
  const gateways: Member[] = [];
  for (let number = 1; number <= GATEWAYS; number += 1) gateways.push(await add('api-gateway', number, urls));
  await Promise.all(gateways.map(start));

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
    servers: entries.map(([, server]) => server),
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
      for (const some of [gateways, members.filter((member) => !gateways.includes(member))]) {
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
    async killAll() {
      await Promise.all(members.map(({ running }) => running?.end('SIGKILL')));
    },
  };
}
