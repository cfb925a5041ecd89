/** What is said of Redis' error replies. Those of a Redis that fails for real are in redis-cache.redis.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyError } from 'ioredis';
import { classifyRedisError } from './redis-failures.ts';

function told(reply: string): readonly unknown[] {
  const failure = classifyRedisError(new ReplyError(reply));
  return [failure?.code, failure?.retry];
}

test('a Redis that takes no writes for now is tried again, and never taken for a bug of ours', () => {
  for (const [reply, code] of [
    ['MISCONF Redis is configured to save RDB snapshots, but is currently unable to persist', 'CACHE_FULL'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'CACHE_FULL'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'CACHE_FULL'],
    ['NOREPLICAS Not enough good replicas to write.', 'CACHE_UNAVAILABLE'],
    ["READONLY You can't write against a read only replica.", 'CACHE_UNAVAILABLE'],
    ['ERR max number of clients reached', 'CACHE_UNAVAILABLE'],
    ['ERR something that a later version says', 'CACHE_UNAVAILABLE'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'CACHE_UNAVAILABLE'],
  ] as const) {
    assert.deepEqual(told(reply), [code, 'retry'], reply);
  }
});

test('before version 7 a script tells why it failed within a sentence of its own', () => {
  const within = (word: string) =>
    `ERR Error running script (call to f_0123): @user_script:20: @user_script: 20: -${word} and more`;
  assert.deepEqual(told(within('OOM')), ['CACHE_FULL', 'retry']);
  assert.deepEqual(told(within('MISCONF')), ['CACHE_FULL', 'retry']);
  assert.deepEqual(told(within('READONLY')), ['CACHE_UNAVAILABLE', 'retry']);
  assert.deepEqual(told(within('TRADEHALL_TOO_MANY_SYMBOLS')), ['CACHE_FULL', 'never']);
});

test('what a person has to correct is not tried again', () => {
  for (const reply of [
    'WRONGPASS invalid username-password pair or user is disabled.',
    'NOAUTH Authentication required.',
    'ERR AUTH <password> called without any password configured for the default user.',
    'NOPERM this user has no permissions to run the command',
    'ERR DB index is out of range',
    'ERR SELECT is not allowed in cluster mode',
  ]) {
    assert.deepEqual(told(reply), ['CACHE_REFUSED', 'never'], reply);
  }
});

test('nothing that a reply quotes is passed on, since it may be a key or a ticket', () => {
  const failure = classifyRedisError(new ReplyError("ERR unknown command 'geheim'"));
  assert.doesNotMatch(failure?.reason ?? '', /geheim/);
});

test('a write that it has no room for is no outage; a replica in the place of the primary is one', () => {
  const answered = (reply: string) => classifyRedisError(new ReplyError(reply))?.answered ?? false;
  assert.equal(answered("OOM command not allowed when used memory > 'maxmemory'."), true);
  assert.equal(answered('MISCONF Errors writing to the AOF file: No space left on device'), true);
  assert.equal(answered("READONLY You can't write against a read only replica."), false);
});
