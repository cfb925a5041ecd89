/**
 * Ends the process at once. An exit waits for the threads of native clients, and one that asks a broker which is away
 * answers after seconds, or a minute; by then nothing of ours runs any more that could end it.
 */
import { spawn } from 'node:child_process';

const EXIT_MAY_TAKE_MS = 500;

/** Of another process, which ends with its input, that is with this one, or else after its time ends this one. */
const WATCH = `
  process.stdin.resume().on('end', () => process.exit());
  setTimeout(() => process.kill(Number(process.argv[1]), 'SIGKILL'), Number(process.argv[2]));
`;

/** With `code`; killed where an exit takes longer than half a second. */
export function endProcess(code: number): never {
  spawn(process.execPath, ['--eval', WATCH, String(process.pid), String(EXIT_MAY_TAKE_MS)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // An exit is to wait for nobody.
    detached: true,
  }).unref();
  process.exit(code);
}
