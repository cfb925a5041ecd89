import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { refusalOf } from '#tests/support/refused-start.ts';
import { startServer } from '#tests/support/servers.ts';
import { directly, openOn, sharedUrl } from './redis.testing.ts';

describe('a start on Redis ends with one sentence', () => {
  const sentence = async (url: string): Promise<string> => {
    const { code, retry, message } = await refusalOf(openOn(url));
    return `${code} ${retry}: ${message}`;
  };

  test('when nothing listens', async () => {
    assert.equal(
      await sentence('redis://127.0.0.1:1'),
      'CACHE_UNAVAILABLE retry: Redis at 127.0.0.1:1 refuses connections (ECONNREFUSED).',
    );
  });

  test('when the password is wrong or missing, which it does not repeat', async () => {
    const { host } = new URL(sharedUrl);
    assert.equal(
      await sentence(`redis://:geheim@${host}/0`),
      `CACHE_REFUSED never: Redis at ${host} does not accept the user or password: correct the URL, or the file that cache_password_file names.`,
    );
    assert.equal(
      await sentence(`redis://${host}/0`),
      `CACHE_REFUSED never: Redis at ${host} asks for a password: correct the URL, or the file that cache_password_file names.`,
    );
  });

  test('when it has no database of that number, rather than go on in another', async () => {
    const { host } = new URL(sharedUrl);
    assert.equal(
      await sentence(new URL('/9999', sharedUrl).href),
      `CACHE_REFUSED never: Redis at ${host} has no database of that number: correct the URL, or the file that cache_password_file names.`,
    );
  });

  test('when it evicts keys, since a rate limit that is gone lets everything through', async () => {
    const server = await startServer('redis');
    const set = (name: string, value: string) =>
      directly((redis) => redis.config('SET', name, value), server.url);
    try {
      await set('maxmemory', '100mb');
      await set('maxmemory-policy', 'allkeys-lru');
      assert.match(
        await sentence(server.url),
        /^CACHE_EVICTS never: .*\(maxmemory-policy allkeys-lru\).*set maxmemory-policy to noeviction\.$/,
      );
      await set('maxmemory-policy', 'noeviction');
      await set('maxmemory', '1mb');
      const cache = await openOn(server.url);
      await assert.rejects(cache.tickets.put('t', 'x'.repeat(2_000_000), 60_000), (error) => {
        assert.ok(error instanceof OperatingError);
        assert.deepEqual([error.code, error.retry], ['CACHE_FULL', 'retry']);
        return true;
      });
      await cache.close();
    } finally {
      await server.stop();
    }
  });
});
