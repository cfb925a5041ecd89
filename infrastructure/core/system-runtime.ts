/** The production `Runtime`: the system's clocks, timers and random source. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Runtime } from './runtime.ts';

function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, durationMs);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** A task that throws is a bug: it becomes an uncaught exception, and the supervisor ends the process. */
function every(periodMs: number, task: () => void | Promise<void>): () => void {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    const result = task();
    if (result === undefined) return;
    running = true;
    void result.finally(() => {
      running = false;
    });
  }, periodMs);
  return () => clearInterval(timer);
}

export function createSystemRuntime(): Runtime {
  return {
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    timers: { sleep, every, yieldTurn: () => nextTurn() },
    randomness: { bytes: (length) => randomBytes(length), fraction: () => Math.random() },
    ids: { uuid: () => randomUUID() },
  };
}
