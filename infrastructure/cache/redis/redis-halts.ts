/**
 * Halts in Redis: a hash for each partition, put as a whole. `all` is 0 or 1; every other field is the id of an account
 * that is halted by itself.
 */
import type { Redis } from 'ioredis';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Halts } from '../cache.ts';

const ALL = 'all';

const PUT = `
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0
`;

type WithPut = Redis & {
  tradehallPutHalts(key: string, lifetimeMs: number, ...fields: string[]): Promise<number>;
};

export function redisHalts(redis: Redis, calls: ServerCalls, prefix: string): Halts {
  redis.defineCommand('tradehallPutHalts', { numberOfKeys: 1, lua: PUT });
  const scripted = redis as WithPut;
  const keyOf = (partition: number): string => `${prefix}halts:${partition}`;
  return {
    async put({ partition, all, accounts }, lifetimeMs) {
      const fields = [ALL, all ? '1' : '0', ...accounts.flatMap((accountId) => [accountId, '1'])];
      await calls.call(
        'halts.put',
        () => scripted.tradehallPutHalts(keyOf(partition), Math.ceil(lifetimeMs), ...fields),
        { repeatable: true },
      );
    },
    async get(partition) {
      const found = await calls.call('halts.get', () => redis.hgetall(keyOf(partition)), {
        repeatable: true,
      });
      const { [ALL]: all, ...accounts } = found;
      if (all === undefined) return null;
      return { partition, all: all === '1', accounts: Object.keys(accounts) as AccountId[] };
    },
    async of(partition, accountId) {
      const [all, account] = await calls.call(
        'halts.of',
        () => redis.hmget(keyOf(partition), ALL, accountId),
        { repeatable: true },
      );
      return typeof all === 'string' ? { all: all === '1', account: typeof account === 'string' } : null;
    },
  };
}
