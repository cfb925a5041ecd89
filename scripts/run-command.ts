/** Runs a program of the system to its end, for set-up scripts. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface RunCommandOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Resolves with standard output. A program that fails rejects with the last lines that it said. */
export function runCommand(
  program: string,
  args: readonly string[],
  { cwd, env }: RunCommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    let output = '';
    let said = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      said = (said + String(chunk)).slice(-4_000);
    });
    child.stderr.on('data', (chunk) => {
      said = (said + String(chunk)).slice(-4_000);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else {
        const words = said.trim().split('\n').slice(-3).join(' / ');
        reject(new Error(`${program} ${args[0] ?? ''} ended with ${code ?? signal}: ${words}`));
      }
    });
  });
}

export function onPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
