/** Clients that go on placing orders, at a steady pace, and try again under the same key what they were not told. */
import assert from 'node:assert/strict';
// house: allow no-sleeping — clients that come at a pace
import { setTimeout as pause } from 'node:timers/promises';
import { type Api, connect, member } from '../e2e/api.ts';
import { type Account, carryOut, type Diary, type Intent, planDay } from '../e2e/workload.ts';

const BETWEEN_ORDERS_MS = 60;
const AT_ONCE = 24;
const TRY_AGAIN_MS = 250;
const PLANNED_AT_A_TIME = 200;
/** As docs/errors.md has them: what a client is told while a server is away. */
const WORDS: Readonly<Record<string, number>> = {
  LOG_UNWRITABLE: 500,
  NOT_READY: 503,
  OVERLOADED: 503,
  PRICE_UNAVAILABLE: 503,
  PORTFOLIO_UNAVAILABLE: 503,
  DEPENDENCY_UNAVAILABLE: 503,
  OUTCOME_UNKNOWN: 503,
};

/** An order's answer, as its client had it. Times of the monotonic clock. */
export interface Told {
  readonly askedMs: number;
  readonly toldMs: number;
  readonly status: number;
  /** Of the problem; empty for what went well. */
  readonly code: string;
  /** Whether nobody had used its idempotency key before. */
  readonly first: boolean;
}

export interface SteadyLoad {
  readonly told: readonly Told[];
  /** Places no new orders; resolves when every one that was sent has its answer. Rejects with what clients should not have met. */
  stop(deadlineMs: number): Promise<void>;
}

export function startSteadyLoad(
  url: string,
  accounts: readonly Account[],
  diary: Diary,
  seed: number,
): SteadyLoad {
  const direct = connect(url, AT_ONCE);
  const told: Told[] = [];
  const wrong: unknown[] = [];
  const keys = new Set<string>();
  const again: Intent[] = [];
  const underWay = new Set<Promise<void>>();
  let stopping = false;
  let giveUpMs = Number.POSITIVE_INFINITY;

  const api: Api = {
    async request(method, path, options) {
      const key = options?.idempotencyKey;
      const askedMs = performance.now();
      const first = key !== undefined && !keys.has(key);
      if (key !== undefined) keys.add(key);
      try {
        const answer = await direct.request(method, path, options);
        const { status, body, retryAfter } = answer;
        const code = status < 400 ? '' : String(member(body, 'code'));
        if (method === 'POST') told.push({ askedMs, toldMs: performance.now(), status, code, first });
        if (status >= 500 && (WORDS[code] !== status || (status === 503 && retryAfter === null))) {
          wrong.push(new Error(`${method} ${path} answered ${status}: ${JSON.stringify(body)}`));
        }
        return answer;
      } catch (error) {
        wrong.push(error);
        throw error;
      }
    },
    close: () => direct.close(),
  };

  async function one(intent: Intent): Promise<void> {
    try {
      if (await carryOut(api, intent, diary)) return;
    } catch (error) {
      wrong.push(error);
      return;
    }
    await pause(TRY_AGAIN_MS);
    again.push(intent);
  }

  async function run(): Promise<void> {
    const planned: Intent[] = [];
    for (let round = 0; !stopping || again.length > 0 || underWay.size > 0; ) {
      if (performance.now() > giveUpMs) {
        throw new Error(`${again.length + underWay.size} orders are still without an answer`);
      }
      await pause(BETWEEN_ORDERS_MS);
      if (underWay.size >= AT_ONCE) continue;
      let next = again.shift();
      if (next === undefined && stopping) continue;
      if (planned.length === 0) {
        round += 1;
        planned.push(...planDay(accounts, PLANNED_AT_A_TIME, seed + round));
      }
      next ??= planned.pop();
      assert.ok(next !== undefined);
      const task = one(next).finally(() => underWay.delete(task));
      underWay.add(task);
    }
  }
  const running = run();
  running.catch(() => {
    // Told by `stop`.
  });

  return {
    told,
    async stop(deadlineMs) {
      stopping = true;
      giveUpMs = performance.now() + deadlineMs;
      try {
        await running;
      } finally {
        await api.close();
      }
      assert.deepEqual(wrong, []);
    },
  };
}
