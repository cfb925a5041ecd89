/**
 * Halts in Redis: a hash for each partition, put as a whole. `all` is 0 or 1; every other field is the id of an account
 * that is halted by itself, with whether its kill switch is engaged and the state of its breaker: `1 OPEN`.
 */
import type { Redis } from 'ioredis';
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Halts } from '../cache.ts';

const ALL = 'all';
const BREAKER_STATES = ['OPEN', 'TRIPPED', 'QUIET_PERIOD'] as const;

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
      const fields = [ALL, all ? '1' : '0', ...accounts.flatMap((halt) => [halt.accountId, valueOf(halt)])];
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
      const halts = Object.entries(accounts).map(([id, value]) => haltOf(id as AccountId, value));
      return { partition, all: all === '1', accounts: halts };
    },
    async of(partition, accountId) {
      const [all, account] = await calls.call(
        'halts.of',
        () => redis.hmget(keyOf(partition), ALL, accountId),
        { repeatable: true },
      );
      if (typeof all !== 'string') return null;
      const halt = typeof account === 'string' ? haltOf(accountId, account) : null;
      return { all: all === '1', account: halt };
    },
  };
}

function valueOf({ killSwitchEngaged, breaker }: AccountHalt): string {
  return `${killSwitchEngaged ? '1' : '0'} ${breaker}`;
}

/** What is not written here says that the account is halted, in a way that is not known: no check fails open. */
function haltOf(accountId: AccountId, value: string): AccountHalt {
  const [engaged, state] = value.split(' ');
  const breaker = BREAKER_STATES.find((known) => known === state);
  return {
    accountId,
    killSwitchEngaged: engaged !== '0' || breaker === undefined,
    breaker: breaker ?? 'OPEN',
  };
}
