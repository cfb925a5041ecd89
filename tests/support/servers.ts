/**
 * Real servers for tests. A file that needs one is named for it, `redis-cache.redis.test.ts`: `npm test` starts the
 * servers once and runs such files against them; alone, a file starts what it asks for and ends it.
 */
import { after } from 'node:test';
import type { ServerName } from '../../scripts/dev-servers/recipes.ts';
import {
  type ServerProcess,
  type StartOptions,
  startServerProcess,
  testUrlVariable,
} from '../../scripts/dev-servers/server-process.ts';

const say = (sentence: string): void => console.error(sentence);

/** One that others use at the same time, so keep to names of your own in it. Gives its URL, as Tradehall's option takes it. */
export async function sharedServer(name: ServerName): Promise<string> {
  const given = process.env[testUrlVariable(name)];
  if (given !== undefined && given !== '') return given;
  const { url } = await startServer(name);
  process.env[testUrlVariable(name)] = url;
  return url;
}

/**
 * One of the test's own, to kill and pause. It ends with the test file at the latest, which is when nothing is open any
 * more: close connections in hooks of a `describe`, not of the file.
 */
export async function startServer(name: ServerName, options?: StartOptions): Promise<ServerProcess> {
  const server = await startServerProcess(name, say, options);
  running.add(server);
  return server;
}

const running = new Set<ServerProcess>();

after(async () => {
  await Promise.all([...running].map((server) => server.stop()));
});

// A file that exceeds its time is ended by a signal, and must not leave servers behind.
process.once('SIGTERM', () => {
  for (const server of running) server.killNow();
  process.exit(1);
});
