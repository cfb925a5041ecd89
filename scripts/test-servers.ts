/**
 * The servers of `npm test`. A test file is named for the server it needs: `x.redis.test.ts`; `x.servers.test.ts` needs
 * all. Each server is started once, and its URL put where the files look for it.
 */
import { Missing } from './dev-servers/install.ts';
import { installKafkaClient } from './dev-servers/kafka-client.ts';
import { SERVER_NAMES, type ServerName } from './dev-servers/recipes.ts';
import { type ServerProcess, startServerProcess, testUrlVariable } from './dev-servers/server-process.ts';

export interface TestServers {
  /** Of those that asked for servers, the ones that have them. */
  readonly files: readonly string[];
  /** A sentence for each server that could not be had. */
  readonly missing: readonly string[];
  stop(): Promise<void>;
}

export function testsByServers(files: readonly string[]): {
  readonly withoutServers: readonly string[];
  readonly onServers: readonly string[];
} {
  return {
    withoutServers: files.filter((file) => neededBy(file).length === 0),
    onServers: files.filter((file) => neededBy(file).length > 0),
  };
}

function neededBy(file: string): readonly ServerName[] {
  if (file.endsWith('.servers.test.ts')) return SERVER_NAMES;
  return SERVER_NAMES.filter((name) => file.endsWith(`.${name}.test.ts`));
}

/** Never rejects: what could not be had is named. */
export async function startTestServers(
  files: readonly string[],
  say: (sentence: string) => void,
): Promise<TestServers> {
  const needed = SERVER_NAMES.filter((name) => files.some((file) => neededBy(file).includes(name)));
  const running: ServerProcess[] = [];
  const lacking = new Set<ServerName>();
  const missing: string[] = [];
  await Promise.all(
    needed.map(async (name) => {
      try {
        if (name === 'kafka') await installKafkaClient(say);
        if (process.env[testUrlVariable(name)] !== undefined) return;
        const server = await startServerProcess(name, say);
        running.push(server);
        process.env[testUrlVariable(name)] = server.url;
      } catch (error) {
        lacking.add(name);
        const why = error instanceof Error ? error.message : String(error);
        const command = error instanceof Missing ? error.command : `scripts/servers up ${name}`;
        missing.push(`${name}, for its tests: ${why}. To provide it: ${command}`);
      }
    }),
  );
  if (running.length > 0) console.log(`✓ servers for tests: ${running.map(({ name }) => name).join(', ')}`);
  return {
    files: files.filter((file) => !neededBy(file).some((name) => lacking.has(name))),
    missing,
    async stop() {
      await Promise.all(running.map((server) => server.stop()));
    },
  };
}
