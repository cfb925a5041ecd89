import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { type RetryOptions, retryForever } from './retry.ts';

function fixture(fraction: number, abort = new AbortController()) {
  const slept: number[] = [];
  const timers: Timers = {
    sleep: async (durationMs) => void slept.push(durationMs),
    every: () => () => {},
    yieldTurn: async () => {},
  };
  const randomness = { bytes: (length: number) => new Uint8Array(length), fraction: () => fraction };
  const options: RetryOptions = {
    timers,
    randomness,
    signal: abort.signal,
    logger: SILENT,
    what: 'reach the store',
    initialDelayMs: 100,
    maxDelayMs: 1_000,
  };
  return { slept, options, abort };
}

const down = () => new OperatingError('STORE_DOWN', 'the store is down', { retry: 'retry' });

test('a task is repeated until it works, with delays that double up to the cap', async () => {
  const { slept, options } = fixture(1);
  const outcome = await retryForever(async (attempt) => {
    if (attempt <= 6) throw down();
    return attempt;
  }, options);
  assert.deepEqual(outcome, { kind: 'done', value: 7 });
  assert.deepEqual(slept, [100, 200, 400, 800, 1_000, 1_000]);
});

test('jitter is full: the delay is a fraction of the ceiling, down to none', async () => {
  const { slept, options } = fixture(0);
  await retryForever(async (attempt) => {
    if (attempt <= 2) throw down();
  }, options);
  assert.deepEqual(slept, [0, 0]);
});

test('the delay stays at the cap after thousands of failures', async () => {
  const { slept, options } = fixture(1);
  await retryForever(async (attempt) => {
    if (attempt <= 3_000) throw down();
  }, options);
  assert.equal(slept.at(-1), 1_000);
});

test('what waits for a person goes on after a refusal, but not after a bug', async () => {
  const { slept, options } = fixture(1);
  const refused = new OperatingError('CACHE_REFUSED', 'not permitted', { retry: 'never' });
  const bug = new TypeError('undefined is not a function');
  const failures: Error[] = [refused, refused, bug];
  const task = async () => {
    throw failures.shift();
  };
  await assert.rejects(retryForever(task, { ...options, retryNever: true }), (error) => error === bug);
  assert.deepEqual(slept, [100, 200]);
});

test('a bug and an error that would come again are thrown on at once', async () => {
  const { slept, options } = fixture(1);
  const bug = new TypeError('undefined is not a function');
  const final = new OperatingError('STORE_CLOSED', 'closed', { retry: 'never' });
  for (const error of [bug, final]) {
    await assert.rejects(
      retryForever(() => Promise.reject(error), options),
      (thrown) => thrown === error,
    );
  }
  assert.deepEqual(slept, []);
});

test('an unknown outcome is repeated only where the caller says that a repeat is harmless', async () => {
  const { options } = fixture(1);
  const unknown = new OperatingError('OUTCOME_UNKNOWN', 'timed out', { retry: 'unknown' });
  const task = async (attempt: number) => {
    if (attempt === 1) throw unknown;
    return 'written';
  };
  await assert.rejects(retryForever(task, options), unknown);
  assert.deepEqual(await retryForever(task, { ...options, retryUnknown: true }), {
    kind: 'done',
    value: 'written',
  });
});

test('an aborted signal ends it without another attempt', async () => {
  const { options, abort } = fixture(1);
  let attempts = 0;
  const outcome = await retryForever(async () => {
    attempts += 1;
    if (attempts === 3) abort.abort();
    throw down();
  }, options);
  assert.deepEqual(outcome, { kind: 'aborted' });
  assert.equal(attempts, 3);
});

test('each failure is told, so that readiness can show it', async () => {
  const { options } = fixture(1);
  const told: string[] = [];
  await retryForever(
    async (attempt) => {
      if (attempt <= 2) throw down();
    },
    { ...options, onFailure: (error, attempt) => told.push(`${attempt} ${error.code}`) },
  );
  assert.deepEqual(told, ['1 STORE_DOWN', '2 STORE_DOWN']);
});
