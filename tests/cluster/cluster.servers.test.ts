/**
 * Fifteen processes on six servers under load: every one of them restarted in its turn, of which clients see nothing but
 * latency; then a process killed every ten seconds and a server now and then. At the end every acknowledged order has one
 * outcome, all stores agree with the log, and money is conserved.
 *
 * Two minutes; CLUSTER_MINUTES=30 for the long run. CLUSTER_SEED repeats what was drawn.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
// house: allow no-sleeping — clients that wait as long as they are told to
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Api, connect, connectToAll, member, textMember } from '../e2e/api.ts';
import { BARS, HAS_DAYS } from '../e2e/bars.ts';
import { eventually } from '../e2e/eventually.ts';
import { openAccounts, totalLag } from '../e2e/operator.ts';
import { runJson, runJsonWith, temporaryFolder } from '../e2e/program.ts';
import { everyOrderEnds, portfoliosAreTheirTrades, sharesCounted } from '../e2e/settled.ts';
import { type Account, carryOutAll, type Diary, type Intent, planDay, seeded } from '../e2e/workload.ts';
import { type Cluster, type Servers, startCluster, startServers } from './cluster.ts';
import { FIFTEEN } from './layout.ts';

const MINUTES = Number(process.env['CLUSTER_MINUTES'] ?? '2');
const SEED = Number(process.env['CLUSTER_SEED'] ?? '41');
const KILL_EVERY_MS = 10_000;
/** A server goes with every third kill. */
const KILLS_PER_SERVER = 3;
const ACCOUNTS = 24;
const AT_ONCE = 6;
const ORDERS_AT_A_TIME = 60;
const CAUGHT_UP_MS = 120_000;

const SPEED = HAS_DAYS ? '240' : '30';

const folder = temporaryFolder();
const diary: Diary = { accepted: new Map(), statuses: new Map(), sent: 0 };
const unavailable: number[] = [];
let servers: Servers | null = null;
let cluster: Cluster | null = null;
let accounts: readonly Account[] = [];
/** Before anything else happens and until the end the kill switch of one is engaged, and the breaker of one tripped. */
let halted: Account | null = null;
let tripped: Account | null = null;

function running(): Cluster {
  assert.ok(cluster !== null, 'the cluster is running');
  return cluster;
}

/** As a client behind a balancer, which comes back when it is told to; what a broken cluster answers is counted. */
function balanced(urls: readonly string[]): Api {
  const api = connectToAll(urls, 8);
  return {
    async request(...request) {
      const answer = await api.request(...request);
      if (answer.status >= 500) unavailable.push(answer.status);
      if (answer.retryAfter !== null) await pause(Number(answer.retryAfter) * 1_000);
      return answer;
    },
    close: () => api.close(),
  };
}

/**
 * As a balancer does, goes to the next one where a connection is refused or ends without an answer: to an order with its
 * key that is the same order.
 */
function nextOnBrokenConnections(api: Api, onBroken: () => void): Api {
  return {
    async request(...request) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await api.request(...request);
        } catch (error) {
          onBroken();
          if (tries === 10) throw error;
        }
      }
    },
    close: () => api.close(),
  };
}

describe('a cluster', () => {
  const apis: Api[] = [];
  const kept = (api: Api): Api => {
    apis.push(api);
    return api;
  };
  after(async () => {
    await Promise.all(apis.map((api) => api.close()));
    await cluster?.killAll();
    folder.remove();
  });

  test('fifteen processes start on six servers and open accounts', async () => {
    servers = await startServers();
    cluster = await startCluster(folder.path, FIFTEEN, servers, {
      'market-ingestion': { TRADEHALL_FEED: `replay:${BARS}`, TRADEHALL_REPLAY_SPEED: SPEED },
    });
    const [gateway] = cluster.gateways;
    assert.ok(gateway !== undefined);
    accounts = await openAccounts(gateway.dataFolder, ACCOUNTS);
    [halted = null, tripped = null] = await openAccounts(gateway.dataFolder, 2);
    assert.ok(halted !== null && tripped !== null);
    const via = ['--data', gateway.dataFolder];
    await runJson('kill-switch', 'engage', '--account', halted.accountId, ...via);
    await runJson('breaker', 'trip', '--account', tripped.accountId, '--reason', 'a test', ...via);
  });

  test('every process is restarted in its turn under load, and clients see nothing but latency', async () => {
    const { processes, gateways, restart } = running();
    let broken = 0;
    const latenciesMs: number[] = [];
    const balancer = nextOnBrokenConnections(kept(balanced(gateways.map(({ url }) => url))), () => {
      broken += 1;
    });
    const api: Api = {
      ...balancer,
      async request(...request) {
        const sentAtMs = performance.now();
        const answer = await balancer.request(...request);
        latenciesMs.push(performance.now() - sentAtMs);
        return answer;
      },
    };
    const unknown: Intent[] = [];
    let rolling = true;
    const trade = async (): Promise<void> => {
      for (let round = 1; rolling; round += 1) {
        const intents = planDay(accounts, ORDERS_AT_A_TIME, SEED * 2_000_000 + round);
        unknown.push(...(await carryOutAll(api, intents, diary, AT_ONCE)));
      }
    };
    const roll = async (): Promise<void> => {
      try {
        for (const process of processes) await restart(process);
      } finally {
        rolling = false;
      }
    };
    await Promise.all([trade(), roll()]);
    latenciesMs.sort((a, b) => a - b);
    const at = (share: number) => Math.round(latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0);
    console.log(
      `${latenciesMs.length} requests while ${processes.length} processes restarted: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
        `longest ${at(1 - 1e-9)} ms; ${broken} connections broken`,
    );
    assert.deepEqual(unavailable, []);
    assert.deepEqual(unknown, []);
    assert.ok(diary.accepted.size > 50);
  });

  test(`for ${MINUTES} min of load a process is killed every ten seconds, and servers with them`, async () => {
    const { processes, servers, gateways, killAndRestart } = running();
    const random = seeded(SEED);
    const draw = <Item>(items: readonly Item[]): Item => {
      const item = items[Math.floor(random() * items.length)];
      assert.ok(item !== undefined);
      return item;
    };
    const until = performance.now() + MINUTES * 60_000;
    const api = kept(balanced(gateways.map(({ url }) => url)));
    let unknown: readonly Intent[] = [];
    let wrecking = true;
    const trade = async (): Promise<void> => {
      for (let round = 1; wrecking; round += 1) {
        const intents = planDay(accounts, ORDERS_AT_A_TIME - unknown.length, SEED * 1_000_000 + round);
        unknown = await carryOutAll(api, [...unknown, ...intents], diary, AT_ONCE);
      }
    };
    let kills = 0;
    const wreck = async (): Promise<void> => {
      for (let next = performance.now() + KILL_EVERY_MS; next < until; next += KILL_EVERY_MS) {
        await eventually(
          'it is time for the next kill',
          async () => (performance.now() >= next ? true : null),
          3 * KILL_EVERY_MS,
        );
        kills += 1;
        const works = [killAndRestart(draw(processes))];
        if (kills % KILLS_PER_SERVER === 0) {
          const server = draw(servers);
          works.push(server.kill().then(() => server.startAgain()));
        }
        await Promise.all(works);
      }
    };
    await Promise.all([
      trade(),
      wreck().finally(() => {
        wrecking = false;
      }),
    ]);
    await eventually(
      'nothing is unknown any more',
      async () => {
        unknown = await carryOutAll(api, unknown, diary, AT_ONCE);
        return unknown.length === 0 ? true : null;
      },
      CAUGHT_UP_MS,
    );
    console.log(
      `${diary.sent} orders sent, ${diary.accepted.size} accepted, ${kills} kills, ${unavailable.length} answers of 500 and above`,
    );
    assert.ok(diary.accepted.size > 100);
  });

  test('accounts that were halted before all that are refused by every instance, also from a Redis that lost its memory', async () => {
    const { gateways, servers } = running();
    const all = [halted, tripped].filter((account) => account !== null);
    const [first] = all;
    assert.ok(all.length === 2 && first !== undefined && gateways[0] !== undefined);
    const redis = servers.find(({ name }) => name === 'redis');
    assert.ok(redis !== undefined);
    const apis = gateways.map(({ url }) => kept(connect(url)));
    // Far from any price, so that what is accepted at last trades nothing.
    const body = { symbol: 'AAPL', side: 'BUY', quantity: '1', type: 'LIMIT', limitPrice: '0.01' };
    const codesOf = async ({ credential }: Account) => {
      const orders = [...apis, ...apis].map((api) => api.request('POST', '/v1/orders', { credential, body }));
      const answers = await Promise.all(orders);
      return new Set(
        answers.map((answer) => (answer.status === 202 ? '202' : textMember(answer.body, 'code'))),
      );
    };
    // A mirror that is empty for a moment refuses nothing; execution does then.
    const isRefused = async () => {
      const codes = await Promise.all(all.map(codesOf));
      return isDeepStrictEqual(codes, [new Set(['TRADING_HALTED']), new Set(['ONLY_SALES'])]) || null;
    };
    await eventually('every instance refuses it', isRefused, CAUGHT_UP_MS);
    await redis.kill();
    await redis.startAgain();
    await eventually('every instance refuses it again', isRefused, CAUGHT_UP_MS);
    const { dataFolder } = gateways[0];
    await runJson('kill-switch', 'release', '--account', first.accountId, '--data', dataFolder);
    assert.deepEqual(await codesOf(first), new Set(['202']));
  });

  test('every acknowledged order ends once', async () => {
    const { gateways, processes, end } = running();
    const ingestion = processes.find(({ target }) => target === 'market-ingestion');
    assert.ok(ingestion !== undefined && gateways[0] !== undefined);
    const { dataFolder, url } = gateways[0];
    const api = kept(connect(url));
    await everyOrderEnds(api, diary, CAUGHT_UP_MS);
    await end(ingestion);
    await eventually(
      'every consumer has read everything',
      async () => ((await totalLag(dataFolder)) === 0 ? true : null),
      CAUGHT_UP_MS,
    );
  });

  test('portfolios, history and analytics agree to the last digit', async () => {
    const { gateways } = running();
    assert.ok(gateways[1] !== undefined && accounts[0] !== undefined && servers !== null);
    const api = kept(connect(gateways[1].url));
    await servers.refreshSearch();
    const traded = await portfoliosAreTheirTrades(api, accounts);
    const counted = await sharesCounted(api, accounts[0]);
    assert.deepEqual([...counted].sort(), [...traded].sort());
  });

  test('all end in order, and the log on Kafka verifies: seals, sequences, books, replay', async () => {
    const { stop, variables } = running();
    assert.deepEqual(await stop(), []);
    cluster = null;
    const verdict = await runJsonWith(variables, 'verify', '--data', join(folder.path, 'verify'));
    assert.deepEqual(member(verdict, 'findings'), []);
    assert.equal(member(verdict, 'sound'), true);
    assert.ok(Number(member(verdict, 'inputsReplayed')) >= diary.accepted.size);
  });
});
