/** A hall on embedded defaults moves to Kafka and the other servers, and back, and everybody finds the same as before. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runCommand } from '#commands/program.testing.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { sharedServer } from '#tests/support/servers.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { type RunningHall, startHall } from './composition.testing.ts';
import { exportDataFolder, importDataFolder } from './log-transfer.ts';
import { prepareServers } from './prepare-servers.ts';
import { configOf, type Flags, storesOnServers } from './servers.testing.ts';
import { type Verdict, verifyDataFolder } from './verification/verify-data-folder.ts';

const name = `move_${randomUUID().replaceAll('-', '')}`;
const root = mkdtempSync(join(tmpdir(), 'move-'));
const running = new Set<RunningHall>();
const QUIET = () => {};
let moves = 0;

interface Place {
  readonly data: string;
  readonly flags: Flags;
}

async function start({ data, flags }: Place): Promise<RunningHall> {
  const hall = await startHall({ data, feed: 'simulated', feed_rate: '200', ...flags });
  running.add(hall);
  return hall;
}

async function stop(hall: RunningHall): Promise<void> {
  running.delete(hall);
  assert.deepEqual(await hall.stop(), []);
  assert.deepEqual(hall.crashes, []);
}

async function verify({ data, flags }: Place): Promise<Verdict> {
  const config = configOf(flags);
  const verdict = await verifyDataFolder(data, { log: config.eventLog.server, stores: config }, QUIET);
  assert.deepEqual(verdict.findings, []);
  return verdict;
}

/** What a replay of the log gives. */
function outcomeOf({ accounts, inputsReplayed, stateHashes }: Verdict): unknown {
  return { accounts, inputsReplayed, stateHashes };
}

async function move(from: Place, to: Place): Promise<void> {
  moves += 1;
  const file = join(root, `log-${moves}.ndjson.gz`);
  const before = await verify(from);
  await exportDataFolder(from.data, configOf(from.flags).eventLog.server, file, QUIET);
  const imported = await importDataFolder(file, to.data, configOf(to.flags).eventLog.server, QUIET);
  assert.deepEqual(imported.problems, []);
  const log = configOf(to.flags).eventLog.server;
  const arrived = await verifyDataFolder(to.data, { log, stores: null }, QUIET);
  assert.deepEqual(arrived.findings, []);
  assert.deepEqual(outcomeOf(arrived), outcomeOf(before));
}

/** The market goes on. */
function withoutPrices(portfolio: Readonly<Record<string, unknown>>): unknown {
  const { cashBalance, cashReserved, holdings, version, lastUpdatedTimestamp } = portfolio;
  return { cashBalance, cashReserved, holdings, version, lastUpdatedTimestamp };
}

/** An account as its holder sees it. */
class Holder {
  readonly accountId: string;
  hall: RunningHall;
  #headers: Readonly<Record<string, string>> = {};

  constructor(hall: RunningHall, accountId: string) {
    this.hall = hall;
    this.accountId = accountId;
  }

  async takeKey(): Promise<void> {
    const path = `/operator/accounts/${this.accountId}/keys`;
    const key = (await this.hall.operator.call('POST', path)) as Readonly<Record<string, string>>;
    this.#headers = {
      authorization: `Bearer ${key['keyId']}.${key['secret']}`,
      'content-type': 'application/json',
    };
  }

  async buy(count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      const body = JSON.stringify({ symbol: 'AAPL', side: 'BUY', quantity: '1' });
      const options = { method: 'POST', headers: this.#headers, body };
      const answer = await fetch(`${this.hall.address}/v1/orders`, options);
      assert.equal(answer.status, 202, await answer.text());
    }
  }

  async ask(path: string): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.hall.address}${path}`, { headers: this.#headers });
    return (await answer.json()) as Record<string, unknown>;
  }

  /** Account, orders, statement, trades and volume, once all of them know of `trades` trades. */
  async sees(trades: number): Promise<unknown> {
    return await eventually(`${trades} trades everywhere`, async () => {
      const [portfolio, orders, statement, history, analytics] = await Promise.all([
        this.ask(`/v1/portfolio/${this.accountId}`),
        this.ask(`/v1/orders?limit=100`),
        this.ask(`/v1/accounts/${this.accountId}/statement?limit=100`),
        this.ask('/v1/trades/search?q=buy&limit=100'),
        this.ask('/v1/analytics/volume?timeWindow=7d'),
      ]);
      const text = JSON.stringify([portfolio['holdings'], history['pagination'], analytics['data']]);
      const all =
        text.includes(`{"AAPL":"${trades}"}`) &&
        text.includes(`"totalCount":${trades}`) &&
        text.includes(`"volume":"${trades}","trades":${trades}`) &&
        JSON.stringify(orders).split('"FILLED"').length - 1 >= trades;
      return all ? { account: withoutPrices(portfolio), orders, statement, history, analytics } : null;
    });
  }
}

describe('a hall that moves', () => {
  // Before the servers end, else it waits for them.
  after(async () => {
    for (const hall of running) await hall.stop();
    rmSync(root, { recursive: true, force: true });
  });

  test('accounts, orders, history and hashes are the same on servers, and back on embedded defaults', async () => {
    const stores = await storesOnServers(name);
    const kafka = await sharedServer('kafka');
    const first: Place = { data: join(root, 'first'), flags: {} };
    // The folder that was exported: its API keys go on.
    const servers: Place = { data: first.data, flags: { ...stores, event_log: `${kafka}/${name}` } };
    const back: Place = { data: join(root, 'back'), flags: {} };
    await prepareServers(configOf(stores), serverOptions('any://host').logger);

    const begun = await start(first);
    const opened = await begun.operator.call('POST', '/operator/accounts', { name: 'Ada', cash: '100000' });
    const { accountId } = opened as { readonly accountId: string };
    const ada = new Holder(begun, accountId);
    await ada.takeKey();
    await eventually('the account has its portfolio', async () =>
      (await ada.ask(`/v1/portfolio/${accountId}`))['cashBalance'] === '100000' ? true : null,
    );
    await ada.buy(3);
    const atFirst = await ada.sees(3);
    await stop(ada.hall);

    await move(first, servers);
    // The log that was left behind is in the same folder.
    const url = `${kafka}/${name}`;
    const proved = await runCommand('verify', first.data, '--event-log', url);
    assert.equal(proved.out.split('\n')[1], `Log: ${url.replace('kafka://', 'Kafka at ')}.`, proved.err);
    ada.hall = await start(servers);
    assert.deepEqual(await ada.sees(3), atFirst);
    await ada.buy(2);
    const onServers = await ada.sees(5);
    await stop(ada.hall);

    await move(servers, back);
    ada.hall = await start(back);
    await ada.takeKey();
    assert.deepEqual(await ada.sees(5), onServers);
    await ada.buy(1);
    await ada.sees(6);
    await stop(ada.hall);
    await verify(back);
  });
});
