/** The same data folder on its own files, on servers, and on its own files again: everybody sees the same, and verify agrees. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { eventually } from '#tests/e2e/eventually.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { type RunningHall, startHall } from './composition.testing.ts';
import { prepareServers } from './prepare-servers.ts';
import { configOf, type Flags, storesOnServers } from './servers.testing.ts';
import { verifyDataFolder } from './verification/verify-data-folder.ts';

const name = `hall_${randomUUID().replaceAll('-', '')}`;
const data = mkdtempSync(join(tmpdir(), 'stores-on-servers-'));
const running = new Set<RunningHall>();

async function start(flags: Flags): Promise<RunningHall> {
  const hall = await startHall({ data, feed: 'simulated', feed_rate: '200', ...flags });
  running.add(hall);
  return hall;
}

async function stop(hall: RunningHall): Promise<void> {
  running.delete(hall);
  assert.deepEqual(await hall.stop(), []);
}

describe('stores on servers', () => {
  after(async () => {
    for (const hall of running) await hall.stop();
    rmSync(data, { recursive: true, force: true });
  });

  test('a hall moves to servers and back, and nothing is lost or counted twice', async () => {
    const onServers = await storesOnServers(name);
    const { logger } = serverOptions('any://host');
    assert.deepEqual(await prepareServers(configOf(onServers), logger), [
      'The portfolio table has been made.',
    ]);

    let hall = await start({});
    const opened = await hall.operator.call('POST', '/operator/accounts', { name: 'Ada', cash: '100000' });
    const { accountId } = opened as { readonly accountId: string };
    const key = await hall.operator.call('POST', `/operator/accounts/${accountId}/keys`);
    const { keyId, secret } = key as { readonly keyId: string; readonly secret: string };
    const headers = { authorization: `Bearer ${keyId}.${secret}`, 'content-type': 'application/json' };

    async function buy(count: number): Promise<void> {
      for (let at = 0; at < count; at += 1) {
        const body = JSON.stringify({ symbol: 'AAPL', side: 'BUY', quantity: '1' });
        const answer = await fetch(`${hall.address}/v1/orders`, { method: 'POST', headers, body });
        assert.equal(answer.status, 202, await answer.text());
      }
    }

    async function ask(path: string): Promise<Record<string, unknown>> {
      const answer = await fetch(`${hall.address}${path}`, { headers });
      return (await answer.json()) as Record<string, unknown>;
    }

    /** Shares held, and trades in history and analytics. */
    async function seen(): Promise<unknown> {
      const [portfolio, history, analytics] = [
        await ask(`/v1/portfolio/${accountId}`),
        await ask('/v1/trades/search?q=buy&limit=1'),
        await ask('/v1/analytics/volume?timeWindow=7d'),
      ];
      return [portfolio['holdings'], history['pagination'], analytics['data']].map((part) =>
        JSON.stringify(part),
      );
    }

    async function showsTrades(count: number): Promise<void> {
      await eventually(`${count} trades everywhere`, async () => {
        const [held = '', found = '', volume = ''] = (await seen()) as readonly string[];
        const all =
          held === `{"AAPL":"${count}"}` &&
          found.includes(`"totalCount":${count}`) &&
          volume.includes(`"volume":"${count}","trades":${count}`);
        return all ? count : null;
      });
    }

    await eventually('the account has its portfolio', async () =>
      (await ask(`/v1/portfolio/${accountId}`))['cashBalance'] === '100000' ? true : null,
    );

    let bought = 0;
    for (const flags of [{}, onServers, {}, onServers]) {
      if (bought > 0) hall = await start(flags);
      if (bought > 0) await showsTrades(bought);
      await buy(2);
      bought += 2;
      await showsTrades(bought);
      await stop(hall);
      const verdict = await verifyDataFolder(data, { log: null, stores: configOf(flags) }, () => {});
      assert.deepEqual(verdict.findings, []);
    }
    await assert.rejects(
      verifyDataFolder(data, { log: null, stores: configOf({}) }, () => {}),
      { code: 'STORE_ELSEWHERE' },
    );
  });
});
