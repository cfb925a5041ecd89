/**
 * Halts in Redis: a hash for each partition, put as a whole. Every field but `all` (0 or 1), `next` (the offset) and
 * `unlisted` (a count) is the id of an account that is halted by itself, with whether its kill switch is engaged and the
 * state of its breaker: `1 OPEN`, `0 QUIET_PERIOD 1549897500000`. What cannot be read halts: no check fails open.
 */
import type { Redis } from 'ioredis';
import type { AccountHalt, Breaker } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Halts } from '../cache.ts';

const ALL = 'all';
const NEXT = 'next';
const UNLISTED = 'unlisted';

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
    async put({ partition, nextInputOffset, all, unlisted, accounts }, lifetimeMs) {
      const summary = [ALL, all ? '1' : '0', NEXT, String(nextInputOffset), UNLISTED, String(unlisted)];
      const fields = [...summary, ...accounts.flatMap((halt) => [halt.accountId, valueOf(halt)])];
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
      const { [ALL]: all, [NEXT]: next, [UNLISTED]: unlisted, ...accounts } = found;
      if (all === undefined) return null;
      const halts = Object.entries(accounts).map(([id, value]) => haltOf(id as AccountId, value));
      return { partition, ...summaryOf(all, next, unlisted), accounts: halts };
    },
    async of(partition, accountId) {
      const [all, next, unlisted, account] = await calls.call(
        'halts.of',
        () => redis.hmget(keyOf(partition), ALL, NEXT, UNLISTED, accountId),
        { repeatable: true },
      );
      if (typeof all !== 'string') return null;
      const halt = typeof account === 'string' ? haltOf(accountId, account) : null;
      return { ...summaryOf(all, next, unlisted), account: halt };
    },
  };
}

type Found = string | null | undefined;

function summaryOf(all: string, next: Found, unlisted: Found) {
  return { all: all !== '0', nextInputOffset: Number(next ?? 0), unlisted: Number(unlisted ?? 0) };
}

function valueOf({ killSwitchEngaged, breaker }: AccountHalt): string {
  const until = breaker.state === 'QUIET_PERIOD' ? ` ${breaker.untilMs}` : '';
  return `${killSwitchEngaged ? '1' : '0'} ${breaker.state}${until}`;
}

function haltOf(accountId: AccountId, value: string): AccountHalt {
  const [engaged, state = '', until] = value.split(' ');
  const breaker = breakerOf(state, Number(until));
  return {
    accountId,
    killSwitchEngaged: engaged !== '0' || breaker === null,
    breaker: breaker ?? { state: 'TRIPPED' },
  };
}

function breakerOf(state: string, untilMs: number): Breaker | null {
  if (state === 'OPEN' || state === 'TRIPPED') return { state };
  return state === 'QUIET_PERIOD' && untilMs > 0 ? { state, untilMs } : null;
}
