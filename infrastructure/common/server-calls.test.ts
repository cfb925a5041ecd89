import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { createServerCalls, type ServerFailure } from './server-calls.ts';

class ClientError extends Error {
  readonly failure: ServerFailure;
  constructor(retry: ServerFailure['retry'], answered = false) {
    super('what the client said');
    this.failure = {
      code: 'STORE_UNAVAILABLE',
      reason: 'refuses connections (ECONNREFUSED)',
      retry,
      ...(answered ? { answered } : {}),
    };
  }
}

/** Time stands still: a sleep is noted and over at once, but for the time limit of a call, which `expire` ends. */
function fixture() {
  const slept: number[] = [];
  const limits: (() => void)[] = [];
  const metrics = createPrometheusMetrics({ processFigures: false });
  const calls = createServerCalls({
    server: 'store',
    name: 'The store at 10.0.0.7:1',
    unavailable: 'STORE_UNAVAILABLE',
    classify: (error) => (error instanceof ClientError ? error.failure : null),
    timeoutMs: 1_000,
    runtime: {
      clock: { nowMs: () => Date.now(), monotonicMs: () => Date.now() },
      timers: {
        sleep: (durationMs, signal) =>
          new Promise((resolve) => {
            if (signal === undefined) {
              slept.push(durationMs);
              resolve();
            } else {
              limits.push(resolve);
              signal.addEventListener('abort', () => resolve());
            }
          }),
        every: () => () => {},
        yieldTurn: async () => {},
      },
      randomness: { bytes: (length) => new Uint8Array(length), fraction: () => 1 },
    },
    metrics,
    logger: SILENT,
  });
  return { calls, slept, metrics, expire: () => limits.at(-1)?.() };
}

const failing = (retry: ServerFailure['retry'], answered = false) => {
  const task = mock.fn(async () => {
    throw new ClientError(retry, answered);
  });
  return task;
};

describe('a call to a server', () => {
  beforeEach(() => mock.timers.enable({ apis: ['Date'], now: 1_000_000 }));
  afterEach(() => mock.timers.reset());

  test('gives the value, and is counted', async () => {
    const { calls, metrics } = fixture();
    assert.equal(await calls.call('get', async () => 7), 7);
    const { text } = await metrics.expose();
    assert.match(text, /tradehall_server_calls_total\{server="store",call="get",outcome="ok"\} 1/);
    assert.match(text, /tradehall_server_call_seconds_count\{server="store",call="get"\} 1/);
    assert.match(text, /tradehall_server_breaker_state\{server="store"\} 0/);
  });

  test('ends at its time limit although the client goes on, whose signal is aborted', async () => {
    const { calls, expire, metrics } = fixture();
    let heard: AbortSignal | undefined;
    const call = calls.call('put', (signal) => {
      heard = signal;
      return new Promise(() => {});
    });
    expire();
    await assert.rejects(call, {
      name: 'OperatingError',
      code: 'STORE_UNAVAILABLE',
      message: 'The store at 10.0.0.7:1 did not answer within 1000 ms.',
      retry: 'unknown',
    });
    assert.equal(heard?.aborted, true);
    assert.match((await metrics.expose()).text, /call="put",outcome="timed_out"\} 1/);
  });

  test('that may be repeated says so when it is late, and is not made to wait twice', async () => {
    const { calls, expire } = fixture();
    const task = mock.fn(() => new Promise(() => {}));
    const call = calls.call('get', task, { repeatable: true });
    expire();
    await assert.rejects(call, { retry: 'retry' });
    assert.equal(task.mock.callCount(), 1);
  });

  test('is tried three times with growing pauses while nothing happened, and keeps the cause', async () => {
    const { calls, slept } = fixture();
    const task = failing('retry');
    await assert.rejects(calls.call('put', task), (error) => {
      assert.ok(error instanceof OperatingError && error.cause instanceof ClientError);
      assert.equal(error.message, 'The store at 10.0.0.7:1 refuses connections (ECONNREFUSED).');
      return true;
    });
    assert.equal(task.mock.callCount(), 3);
    assert.deepEqual(slept, [50, 100]);
  });

  test('whose outcome is unknown is repeated only where that does no harm', async () => {
    const once = failing('unknown');
    await assert.rejects(fixture().calls.call('put', once), { retry: 'unknown' });
    assert.equal(once.mock.callCount(), 1);
    const thrice = failing('unknown');
    await assert.rejects(fixture().calls.call('put', thrice, { repeatable: true }), { retry: 'retry' });
    assert.equal(thrice.mock.callCount(), 3);
  });

  test('that is refused is not repeated, and neither is a bug, which stays what it is', async () => {
    const { calls } = fixture();
    const refused = failing('never');
    await assert.rejects(calls.call('put', refused), { retry: 'never' });
    assert.equal(refused.mock.callCount(), 1);
    const bug = new TypeError('undefined is not a function');
    await assert.rejects(
      calls.call('put', () => Promise.reject(bug)),
      (error) => error === bug,
    );
  });
});

describe('the breaker', () => {
  beforeEach(() => mock.timers.enable({ apis: ['Date'], now: 1_000_000 }));
  afterEach(() => mock.timers.reset());

  test('opens after five failures in a row: the server is not asked, which is said', async () => {
    const { calls, metrics } = fixture();
    for (let count = 0; count < 5; count += 1) await assert.rejects(calls.call('put', failing('unknown')));
    const task = mock.fn(async () => 1);
    await assert.rejects(calls.call('put', task), {
      code: 'STORE_UNAVAILABLE',
      message: 'The store at 10.0.0.7:1 keeps failing and is not asked for a moment.',
      retry: 'retry',
    });
    assert.equal(task.mock.callCount(), 0);
    const { text } = await metrics.expose();
    assert.match(text, /outcome="not_asked"\} 1/);
    assert.match(text, /tradehall_server_breaker_state\{server="store"\} 2/);
  });

  test('lets one call through after a while, and closes when it is answered', async () => {
    const { calls, metrics } = fixture();
    for (let count = 0; count < 5; count += 1) await assert.rejects(calls.call('put', failing('unknown')));
    mock.timers.tick(10_000);
    assert.equal(await calls.call('put', async () => 1), 1);
    assert.match((await metrics.expose()).text, /tradehall_server_breaker_state\{server="store"\} 0/);
  });

  test('stays closed for a server that answers no', async () => {
    const { calls } = fixture();
    for (let count = 0; count < 20; count += 1) await assert.rejects(calls.call('put', failing('never')));
    assert.equal(await calls.call('put', async () => 1), 1);
  });

  test('stays closed for a server that says it has no room for this one call: it is repeated, and others are made', async () => {
    const { calls } = fixture();
    const busy = failing('retry', true);
    for (let count = 0; count < 20; count += 1) await assert.rejects(calls.call('put', busy));
    assert.equal(busy.mock.callCount(), 60);
    assert.equal(await calls.call('get', async () => 1), 1);
  });

  test('lets nobody wait for the one call that it lets through: the others are not made', async () => {
    const { calls, metrics } = fixture();
    for (let count = 0; count < 5; count += 1) await assert.rejects(calls.call('put', failing('unknown')));
    mock.timers.tick(10_000);
    const answer = Promise.withResolvers<number>();
    const probe = calls.call('put', () => answer.promise);
    const task = mock.fn(async () => 2);
    await assert.rejects(calls.call('get', task), {
      message: 'The store at 10.0.0.7:1 keeps failing and is not asked for a moment.',
      retry: 'retry',
    });
    assert.equal(task.mock.callCount(), 0);
    assert.match((await metrics.expose()).text, /call="get",outcome="not_asked"\} 1/);
    answer.resolve(1);
    assert.equal(await probe, 1);
    assert.equal(await calls.call('get', task), 2);
  });
});
