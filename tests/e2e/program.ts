/** The program as its user meets it: a process, its two outputs, its exit. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(dirname(import.meta.dirname), '..');
const ENTRY = join(ROOT, 'bin/tradehall.ts');
const READY_DEADLINE_MS = 60_000;

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly pid: number;
  readonly stderr: () => string;
  /** Sends the signal and waits for the end. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<Finished>;
}

/** A folder under the system's for temporary things; removed by `remove`. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tradehall-e2e-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('TRADEHALL_') && name !== 'NODE_OPTIONS' && name !== 'NODE_TEST_CONTEXT',
  );
  return Object.fromEntries(kept);
}

interface Surroundings {
  /** A command that runs the words after it elsewhere, such as on another disk. */
  readonly via?: readonly string[];
  /** Of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

const running = new Set<ChildProcess>();

// A test file that is ended for its time, or fails between a start and an end, must not leave the program behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function launch(
  words: readonly string[],
  { via = [], variables = {} }: Surroundings = {},
): {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  stderr: () => string;
} {
  const [command = process.execPath, ...rest] = [...via, process.execPath, ENTRY, ...words];
  const child = spawn(command, rest, {
    cwd: ROOT,
    env: { ...environment(), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-200_000);
  });
  const finished = once(child, 'close').then(
    ([code, signal]): Finished => ({ code, signal, stdout, stderr }),
  );
  return { child, finished, stderr: () => stderr };
}

/** Runs one command to its end. */
export function run(...words: readonly string[]): Promise<Finished> {
  return launch(words).finished;
}

/** The same with variables of its environment. */
export function runWith(
  variables: Readonly<Record<string, string>>,
  ...words: readonly string[]
): Promise<Finished> {
  return launch(words, { variables }).finished;
}

/** The same behind `via`, a command that runs the words after it elsewhere, such as on another disk. */
export function runVia(via: readonly string[], ...words: readonly string[]): Promise<Finished> {
  return launch(words, { via }).finished;
}

/** Runs one command and reads its `--json` answer; any other exit than 0 fails with what it said. */
export function runJson(...words: readonly string[]): Promise<unknown> {
  return runJsonWith({}, ...words);
}

/** The same with variables of its environment. */
export async function runJsonWith(
  variables: Readonly<Record<string, string>>,
  ...words: readonly string[]
): Promise<unknown> {
  const { code, stdout, stderr } = await runWith(variables, ...words, '--json');
  if (code !== 0) throw new Error(`tradehall ${words.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return JSON.parse(stdout);
}

/** Starts the program on a free port and waits for its one line. */
export function startProgram(...words: readonly string[]): Promise<RunningProgram> {
  return startIn({}, ['--port', '0', ...words]);
}

export function startProgramVia(
  via: readonly string[],
  ...words: readonly string[]
): Promise<RunningProgram> {
  return startIn({ via }, ['--port', '0', ...words]);
}

/** Starts it in those surroundings with the words after `start`, and waits for its one line. */
export async function startIn(surroundings: Surroundings, words: readonly string[]): Promise<RunningProgram> {
  const { child, finished, stderr } = launch(['start', ...words], surroundings);
  const pid = child.pid;
  const { stdout } = child;
  if (pid === undefined || stdout === null) throw new Error('the program could not be started');
  const lines = createInterface({ input: stdout });
  const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
  const url = await Promise.race([
    once(lines, 'line', { signal: deadline }).then(
      ([line]) => /^ready (http\S+)$/.exec(String(line))?.[1] ?? String(line),
    ),
    finished.then(({ code }) => `it ended with ${code}`),
  ]).catch(() => `not ready within ${READY_DEADLINE_MS} ms`);
  if (!url.startsWith('http')) {
    child.kill('SIGKILL');
    await finished;
    throw new Error(`the program did not become ready (${url}):\n${stderr()}`);
  }
  return {
    url,
    pid,
    stderr,
    end: (signal) => {
      child.kill(signal);
      return finished;
    },
  };
}
