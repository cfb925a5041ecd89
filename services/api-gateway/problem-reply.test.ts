/** What a client is told of a store that fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemOf } from './problem-reply.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

function answer(code: string, retry: OperatingError['retry']) {
  const {
    code: told,
    status,
    retryAfterSeconds,
  } = problemOf(new OperatingError(code, 'A sentence.', { retry }), 'request', silent);
  return { told, status, retryAfterSeconds };
}

test('a server that lets us in no more is one that is away: its operator has to act, and no client', () => {
  const away = { told: 'DEPENDENCY_UNAVAILABLE', status: 503, retryAfterSeconds: 1 };
  for (const code of ['STORE_REFUSED', 'CACHE_REFUSED', 'LOG_UNAUTHENTICATED', 'LOG_FORBIDDEN']) {
    assert.deepEqual(answer(code, 'never'), away);
  }
  assert.deepEqual(answer('STORE_UNAVAILABLE', 'retry'), away);
});

test('what a server refuses for what it says is a bug of ours, and no advice to try again', () => {
  assert.deepEqual(answer('STORE_FAILED', 'never'), {
    told: 'INTERNAL',
    status: 500,
    retryAfterSeconds: undefined,
  });
});
