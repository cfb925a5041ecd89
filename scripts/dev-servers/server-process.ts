/** One server as a process of ours: started until it is ready, killed, paused and started again on the same data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import type { Say } from './packages.ts';
import { type Launch, RECIPES, type ServerName } from './recipes.ts';
import type { KafkaNode, Place } from './server-place.ts';

export interface ServerProcess {
  readonly name: ServerName;
  /** As Tradehall's option takes it. */
  readonly url: string;
  readonly port: number;
  readonly processId: number;
  /** The signal that ends it in order. */
  readonly endSignal: NodeJS.Signals;
  /** Holds its data and its log. */
  readonly folder: string;
  /** SIGKILL to it and what it started; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGKILL, without waiting: for a process that must end itself. */
  killNow(): void;
  /** SIGSTOP to it and what it started: it is there and does not answer. */
  pause(): void;
  resume(): void;
  /** After `kill`: on the same data and port. */
  startAgain(): Promise<void>;
  /** Ends it and removes its folder; a second time does nothing. */
  stop(): Promise<void>;
}

const READY_MS = 120_000;
const GONE_LOOK_MS = 5;
const LOG = 'server.log';

/** The variable that names a server to test against, instead of one that is started. */
export function testUrlVariable(name: ServerName): string {
  return `TEST_${name.toUpperCase()}_URL`;
}

/** One that is mounted for some processes only. */
export interface ServerDisk {
  /** Where programs that run on the disk (`via`) see it. */
  readonly path: string;
  /** Where this process sees it. */
  readonly pathFromOutside: string;
  /** What to put before a command so that it sees the disk. */
  readonly via: readonly string[];
}

export interface StartOptions {
  /** Where its clients come, when something stands between. */
  readonly advertisedPort?: number;
  /** As a server's place takes it. */
  readonly certificate?: string;
  /** As a server's place takes it. */
  readonly clusterNode?: KafkaNode;
  /** Where its folder is made. Default: the system's, for temporary files. */
  readonly disk?: ServerDisk;
}

/** Installs it first where needed. One that does not become ready rejects with the end of its log. */
export async function startServerProcess(
  name: ServerName,
  say: Say,
  { advertisedPort, certificate, clusterNode, disk }: StartOptions = {},
): Promise<ServerProcess> {
  const launchIn = await RECIPES[name].install(say);
  const port = await freePort();
  const folder = mkdtempSync(join(disk?.pathFromOutside ?? tmpdir(), `tradehall-${name}-`));
  const place: Place = {
    folder,
    own:
      disk === undefined ? { folder, via: [] } : { folder: join(disk.path, basename(folder)), via: disk.via },
    port,
    otherPort: await freePort(),
    advertisedPort: advertisedPort ?? port,
    password: randomBytes(12).toString('hex'),
    certificate: certificate ?? null,
    clusterNode: clusterNode ?? null,
  };
  const launch = launchIn(place);
  // One seen through another process has no path of its own, and Python's start-up asks for that.
  const workingFolder = disk === undefined ? folder : tmpdir();
  const start = () => run(name, launch, place.folder, workingFolder);
  try {
    await launch.prepare?.();
    let child = await start();
    return {
      name,
      url: launch.url,
      port,
      endSignal: launch.endSignal ?? 'SIGTERM',
      folder: place.folder,
      get processId() {
        return child.pid ?? 0;
      },
      async kill() {
        // Stopped, it starts no more of them.
        child.kill('SIGSTOP');
        const started = child.pid === undefined ? [] : descendants(child.pid);
        signalTree(child, 'SIGKILL');
        await end(child, 'SIGKILL');
        // One that is still about to end holds what the next start needs: PostgreSQL's shared memory.
        while (started.some((id) => processStartTime(id) !== null)) await pause(GONE_LOOK_MS);
      },
      killNow: () => signalTree(child, 'SIGKILL'),
      pause: () => signalTree(child, 'SIGSTOP'),
      resume: () => signalTree(child, 'SIGCONT'),
      async startAgain() {
        child = await start();
      },
      async stop() {
        signalTree(child, 'SIGCONT');
        await end(child, launch.endSignal ?? 'SIGTERM');
        rmSync(place.folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(place.folder, { recursive: true, force: true });
    throw error;
  }
}

async function run(
  name: ServerName,
  launch: Launch,
  folder: string,
  workingFolder: string,
): Promise<ChildProcess> {
  const log = openSync(join(folder, LOG), 'w');
  const child = spawn(launch.program, launch.args, {
    cwd: workingFolder,
    // Of its own group, so that Ctrl-C in a terminal ends it in order.
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...launch.env },
  });
  closeSync(log);
  child.unref();
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  try {
    await Promise.race([failed, untilReady(name, child, launch, folder)]);
  } catch (error) {
    if (child.pid !== undefined) await end(child, 'SIGKILL');
    throw error;
  }
  return child;
}

async function untilReady(
  name: ServerName,
  child: ChildProcess,
  launch: Launch,
  folder: string,
): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (!(await isReady(launch.ready, folder))) {
    const ended = hasEnded(child);
    if (!ended && performance.now() < deadline) {
      await pause(50);
      continue;
    }
    const said = readFileSync(join(folder, LOG), 'utf8').trim().split('\n').slice(-5).join('\n');
    throw new Error(`${name} ${ended ? 'ended while it started' : 'did not become ready'}:\n${said}`);
  }
}

async function isReady(ready: RegExp | string, folder: string): Promise<boolean> {
  if (ready instanceof RegExp) return ready.test(readFileSync(join(folder, LOG), 'utf8'));
  try {
    const answer = await fetch(ready, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.status < 500;
  } catch {
    // It does not listen yet.
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

const END_MS = 10_000;

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const late = new AbortController();
  child.ref();
  child.kill(signal);
  await Promise.race([
    gone,
    pause(END_MS, undefined, { signal: late.signal }).then(
      () => child.kill('SIGKILL'),
      () => {
        // It has ended in time.
      },
    ),
  ]);
  await gone;
  late.abort();
}

/** Servers that work in processes of their own, as PostgreSQL does, do not stop with the first one. */
function signalTree(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || hasEnded(child)) return;
  for (const id of [child.pid, ...descendants(child.pid)]) {
    try {
      process.kill(id, signal);
    } catch (error) {
      // Between the look and the signal a child may have ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function descendants(processId: number): readonly number[] {
  const list = `/proc/${processId}/task/${processId}/children`;
  if (!existsSync(list)) return [];
  const children = readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Of a process that runs, in the system's ticks; `null` when it does not. */
export function processStartTime(processId: number): string | null {
  try {
    // The second field is the program in brackets, and may hold blanks.
    const fields = readFileSync(`/proc/${processId}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    // No such process.
    return null;
  }
}
