/** One command line in this process, for tests: what a user would see of it. */
import { runProgram } from './program.ts';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function runCommand(...args: string[]): Promise<Ended> {
  let out = '';
  let err = '';
  const code = await runProgram(
    ['node', 'tradehall', ...args],
    {
      write: (text) => {
        out += text;
      },
    },
    {
      write: (text) => {
        err += text;
      },
    },
  );
  return { code, out, err };
}
