/**
 * Preloaded into the process of a test file: ends it when its time is over. A test that was given up may go on for ever,
 * and the runner of Node waits for its process without a limit.
 */
import { isMainThread } from 'node:worker_threads';

/** Set by test-runner.ts, ms. */
export const LIMIT_VARIABLE = 'TEST_FILE_LIMIT_MS';
/** For hooks that end servers at SIGTERM. */
const GRACE_MS = 10_000;

const limitMs = Number(process.env[LIMIT_VARIABLE]);
if (isMainThread && limitMs > 0) {
  setTimeout(() => {
    console.error(`the file did not end within ${limitMs / 1_000} s, and is ended`);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS);
    process.kill(process.pid, 'SIGTERM');
  }, limitMs).unref();
}
