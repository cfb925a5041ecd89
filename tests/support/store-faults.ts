/** What a store on a server must live through, as its projection meets it: a crash amid writes, and a server that hangs. */

import assert from 'node:assert/strict';
import { retryForever } from '#infrastructure/common/retry.ts';
import { parseServerUrl, type ServerAddress } from '#infrastructure/common/server-address.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { ServerProcess } from '../../scripts/dev-servers/server-process.ts';

const runtime = createSystemRuntime();

/** What every adapter on a server is opened with, for the server at `url`. */
export function serverOptions(url: string, changes: Partial<ServerAddress> = {}) {
  const parsed = parseServerUrl(url, {
    product: 'the server',
    example: 'scheme://host:1',
    defaultPort: 1,
    path: /./,
    parameters: { endpoint: /./, retentionDays: /./ },
  });
  assert(parsed.kind === 'value', `${url} is a server's address`);
  return {
    address: { ...parsed.value, ...changes },
    runtime,
    metrics: createPrometheusMetrics({ processFigures: false }),
    logger: SILENT,
  };
}

/** Repeats what may be repeated, as the loop of a projection does. */
export async function untilItWorks<Value>(task: () => Promise<Value>): Promise<Value> {
  const outcome = await retryForever(task, {
    ...runtime,
    signal: AbortSignal.timeout(120_000),
    logger: SILENT,
    what: 'write',
    retryUnknown: true,
    maxDelayMs: 500,
  });
  assert(outcome.kind === 'done', 'it works again within two minutes');
  return outcome.value;
}

/** Writes batch 0 to `count` - 1, one after another, each until it works; the server is killed amid, and started again. */
export async function writeThroughCrash(
  server: ServerProcess,
  count: number,
  write: (batch: number) => Promise<unknown>,
): Promise<void> {
  let crash: Promise<void> | null = null;
  let failures = 0;
  for (let batch = 0; batch < count; batch += 1) {
    if (batch === Math.floor(count / 3)) crash = server.kill().then(() => server.startAgain());
    await untilItWorks(async () => {
      try {
        await write(batch);
      } catch (error) {
        failures += 1;
        throw error;
      }
    });
  }
  await crash;
  assert(failures > 0, 'the crash was felt');
}

const CALLS_BEFORE_THE_STOP = 1_000;

/** `call` fails in words while the server hangs, and works once it goes on. */
export async function failThenRecover(server: ServerProcess, call: () => Promise<unknown>): Promise<void> {
  await untilItWorks(call);
  server.pause();
  try {
    const error = await firstFailure(call);
    assert(error instanceof OperatingError, String(error));
    assert.equal(error.code, 'STORE_UNAVAILABLE');
    assert.equal(error.retry, 'retry');
    assert.match(error.message, /did not answer within/);
  } finally {
    server.resume();
  }
  await untilItWorks(call);
}

/** The system stops a process a moment after it was told to, and until then the server answers. */
async function firstFailure(call: () => Promise<unknown>): Promise<unknown> {
  for (let answered = 0; answered < CALLS_BEFORE_THE_STOP; answered += 1) {
    try {
      await call();
    } catch (error) {
      return error;
    }
  }
  return assert.fail('the server hangs, and answers');
}
