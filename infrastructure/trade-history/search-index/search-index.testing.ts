/** The trade history on a search server, against the real one: Elasticsearch and OpenSearch each register this. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { sharedServer, startServer } from '#tests/support/servers.ts';
import {
  failThenRecover,
  serverOptions,
  untilItWorks,
  writeThroughCrash,
} from '#tests/support/store-faults.ts';
import { executed, failed, registerTradeHistoryContract } from '../trade-history.contract.ts';
import type { TradeDocument, TradeHistory } from '../trade-history.ts';
import type { SearchIndexOptions } from './search-server.ts';

const DAY_MS = 86_400_000;

export async function registerSearchIndexTests(
  product: 'Elasticsearch' | 'OpenSearch',
  open: (options: SearchIndexOptions) => Promise<TradeHistory>,
): Promise<void> {
  const server = product === 'OpenSearch' ? 'opensearch' : 'elasticsearch';
  const shared = await sharedServer(server);

  /** With time for a server that shares its processors: only tests of one that hangs wait for less. */
  const options = (alias: string, changes: Partial<ServerAddress> = {}) => ({
    ...serverOptions(shared, { path: alias, ...changes }),
    timeoutMs: 20_000,
  });

  async function ask(method: string, path: string, body?: object, url = shared): Promise<unknown> {
    const [{ host, port }] = serverOptions(url).address.hosts;
    const answer = await fetch(`http://${host}:${port}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return answer.json();
  }

  async function remove(alias: string): Promise<void> {
    const indices = (await ask('GET', `/${alias}*/_mapping?ignore_unavailable=true`)) as object;
    for (const index of Object.keys(indices)) await ask('DELETE', `/${index}`);
    await ask('DELETE', `/_index_template/${alias}`);
  }

  /** One of its own, for each test. */
  async function withAlias(work: (alias: string) => Promise<void>): Promise<void> {
    const alias = `trades_${randomUUID()}`;
    try {
      await work(alias);
    } finally {
      await remove(alias);
    }
  }

  registerTradeHistoryContract(product, async () => {
    const alias = `trades_${randomUUID()}`;
    let store = await open(options(alias));
    return {
      get store() {
        return store;
      },
      async reopen() {
        await store.close();
        store = await open(options(alias));
      },
      async dispose() {
        await store.close();
        await remove(alias);
      },
    };
  });

  async function idsOf(store: TradeHistory): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let page = await store.scan(null, 2_000); page.length > 0; ) {
      ids.push(...page.map(({ eventId }) => eventId));
      page = await store.scan(page.at(-1)?.eventId ?? null, 2_000);
    }
    return ids;
  }

  describe(`the indices of the history on ${product}`, () => {
    test('months have an index each, strict, behind one alias, searched as one', async () => {
      await withAlias(async (alias) => {
        const store = await open(options(alias));
        const trades = [
          '2019-01-31T23:59:59.999Z',
          '2019-02-01T00:00:00.000Z',
          '2019-02-28T12:00:00.000Z',
        ].map((time, number) => executed(number, { executionTimestampMs: Date.parse(time) }));
        await store.index(trades);
        const { userId } = executed(0);
        const page = await store.search({ userId, limit: 10 });
        assert.deepEqual(page.kind === 'page' && page.trades, trades.toReversed());
        const aliased = (await ask('GET', `/_alias/${alias}`)) as object;
        assert.deepEqual(Object.keys(aliased).sort(), [`${alias}-2019-01`, `${alias}-2019-02`]);
        const refusal = (await ask('POST', `/${alias}-2019-01/_doc`, { other: 1 })) as {
          readonly error?: { readonly type: string };
        };
        assert.match(refusal.error?.type ?? '', /strict_dynamic_mapping_exception/);
        await store.close();
      });
    });

    test('an index with another mapping, or in the place of the alias, stops the start with a sentence', async () => {
      await withAlias(async (alias) => {
        const properties = { eventId: { type: 'text' } };
        await ask('PUT', `/${alias}-2019-01`, { mappings: { dynamic: 'strict', properties } });
        await assert.rejects(open(options(alias)), {
          code: 'STORE_VERSION',
          retry: 'never',
          message: new RegExp(`${alias}-2019-01 .* its eventId is text, not keyword: delete it`),
        });
        await ask('DELETE', `/${alias}-2019-01`);
        await ask('PUT', `/${alias}`, { mappings: { dynamic: 'strict' } });
        await assert.rejects(open(options(alias)), {
          code: 'STORE_VERSION',
          message: new RegExp(`There is an index ${alias} where the alias`),
        });
      });
    });

    test('one that somebody deletes while it is written is made again with the same strict mapping, whatever templates there are', async () => {
      await withAlias(async (alias) => {
        const store = await open(options(alias));
        const index = `${alias}-2019-02`;
        await store.index([executed(1)]);
        const before = (await ask('GET', `/${index}/_mapping`)) as object;
        // A server that comes back from a snapshot has what others have put there, and may have lost what we have.
        const foreign = {
          index_patterns: [`${alias}-*`],
          priority: 1_000,
          template: { mappings: { dynamic: true } },
        };
        for (const change of ['PUT', 'DELETE']) {
          await ask(change, `/_index_template/${alias}`, change === 'PUT' ? foreign : undefined);
          await ask('DELETE', `/${index}`);
          await store.index([executed(2)]);
          assert.deepEqual(await ask('GET', `/${index}/_mapping`), before);
          assert.deepEqual(await idsOf(store), [executed(2).eventId]);
        }
        await store.close();
      });
    });

    test('one that is there without its aliases is not written to, since nobody would find it', async () => {
      await withAlias(async (alias) => {
        const store = await open(options(alias));
        const index = `${alias}-2019-02`;
        await ask('PUT', `/${index}`, {});
        await assert.rejects(store.index([executed(1)]), {
          code: 'STORE_VERSION',
          message: new RegExp(`index ${index} .* is not behind its alias`),
        });
        const { count } = (await ask('GET', `/${index}/_count`)) as { readonly count: number };
        assert.equal(count, 0);
        await ask('DELETE', `/${index}`);
        await store.index([executed(1)]);
        assert.deepEqual(await idsOf(store), [executed(1).eventId]);
        await store.close();
      });
    });

    test('a month that is deleted, replaced by another shape, or no longer behind the alias is told while it runs, and a loss at the next start', async () => {
      await withAlias(async (alias) => {
        const folder = mkdtempSync(join(tmpdir(), 'tradehall-parts-'));
        const noteFile = join(folder, 'parts.json');
        const opened: TradeHistory[] = [];
        const openNoted = async () => {
          const store = await open({ ...options(alias), noteFile });
          opened.push(store);
          assert(store.losses !== null);
          return { store, losses: store.losses };
        };
        const [january, february] = [`${alias}-2019-01`, `${alias}-2019-02`];
        const told = (losses: StoreLosses, expected: RegExp) =>
          eventually(`it is told that ${expected}`, async () =>
            expected.test(String(losses.trouble())) ? true : null,
          );
        try {
          const first = await openNoted();
          await first.store.index([
            executed(1, { executionTimestampMs: Date.parse('2019-01-01T00:00:00Z') }),
            executed(2),
          ]);
          const calls: string[] = [];
          first.losses.watch(() => calls.push(String(first.losses.lost())));
          await eventually('both months are noted', async () =>
            existsSync(noteFile) && readFileSync(noteFile, 'utf8').includes(february) ? true : null,
          );
          await ask('DELETE', `/${january}`);
          const lost = new RegExp(
            `has lost what was in index ${january} .*: it is filled again from the log`,
          );
          await told(first.losses, lost);
          assert.equal(calls.length, 1);
          await first.store.close();

          const { losses } = await openNoted();
          losses.watch(() => {});
          await told(losses, lost);
          losses.accept();
          assert.equal(losses.trouble(), null);
          await ask('PUT', `/${january}`, {});
          await ask('PUT', `/${january}/_mapping`, { dynamic: true });
          await told(losses, new RegExp(`index ${january} .* takes any field: delete it`));
          await ask('DELETE', `/${january}`);
          await told(
            losses,
            /may lack what was written while it was not as it should be: it is filled again/,
          );
          losses.accept();
          await ask('POST', '/_aliases', { actions: [{ remove: { index: february, alias } }] });
          await told(losses, new RegExp(`index ${february} .* is not behind its alias ${alias}: `));
          await ask('POST', '/_aliases', { actions: [{ add: { index: february, alias } }] });
          await told(
            losses,
            /may lack what was written while it was not as it should be: it is filled again/,
          );
          losses.accept();
          assert.equal(losses.trouble(), null);
        } finally {
          for (const store of opened) await store.close();
          rmSync(folder, { recursive: true });
        }
      });
    });

    test('more trades than one request takes are all there, once', async () => {
      await withAlias(async (alias) => {
        const store = await open(options(alias));
        const trades = Array.from({ length: 5_000 }, (_, number) => executed(number));
        await store.index(trades);
        await store.index(trades.slice(1_000, 3_000));
        assert.deepEqual(
          await idsOf(store),
          trades.map(({ eventId }) => eventId),
        );
        await store.close();
      });
    });

    test('a document that someone deleted comes back when the log is read again', async () => {
      await withAlias(async (alias) => {
        const store = await open(options(alias));
        await store.index([executed(1), executed(2)]);
        await ask('DELETE', `/${alias}-2019-02/_doc/${executed(1).eventId}?refresh=true`);
        assert.deepEqual(await idsOf(store), [executed(2).eventId]);
        await store.index([executed(1), executed(2)]);
        assert.deepEqual(await idsOf(store), [executed(1).eventId, executed(2).eventId]);
        await store.close();
      });
    });

    test('months older than the retention are dropped at the start, later ones kept', async () => {
      await withAlias(async (alias) => {
        const nowMs = Date.now();
        const store = await open(options(alias));
        await store.index([
          executed(1, { executionTimestampMs: nowMs - 100 * DAY_MS }),
          executed(2, { executionTimestampMs: nowMs }),
        ]);
        await store.close();
        const keeping = await open(options(alias, { parameters: { retentionDays: '40' } }));
        assert.deepEqual(await idsOf(keeping), [executed(2).eventId]);
        await keeping.close();
      });
    });

    test('while one index takes no writes the write fails in words, and a repeat completes it', async () => {
      await withAlias(async (alias) => {
        const store = await open(options(alias));
        const trades: readonly TradeDocument[] = [
          executed(1, { executionTimestampMs: Date.parse('2019-01-01T00:00:00Z') }),
          failed(2, 'no price', { symbol: 'MSFT' as Symbol }),
        ];
        await store.index(trades.slice(1));
        await ask('PUT', `/${alias}-2019-02/_settings`, { 'index.blocks.write': true });
        const more = [...trades, executed(3)];
        await assert.rejects(store.index(more), { code: 'STORE_FULL', retry: 'retry' });
        await ask('PUT', `/${alias}-2019-02/_settings`, { 'index.blocks.write': false });
        await store.index(more);
        assert.deepEqual(
          await idsOf(store),
          more.map(({ eventId }) => eventId),
        );
        await store.close();
        await assert.rejects(store.scan(null, 1), { code: 'STORE_CLOSED' });
      });
    });
  });

  describe(`${product} that cannot be used`, () => {
    /** A server that gives made-up answers, by the address. */
    async function whileAnswering(
      status: number,
      answer: (path: string) => object,
      work: (port: number) => Promise<void>,
    ): Promise<void> {
      const fake = createServer((request, response) => {
        response.writeHead(status, {
          'content-type': 'application/json',
          ...(product === 'Elasticsearch' ? { 'x-elastic-product': 'Elasticsearch' } : {}),
        });
        response.end(JSON.stringify(answer(request.url ?? '')));
      });
      fake.listen(0, '127.0.0.1');
      await once(fake, 'listening');
      const address = fake.address();
      assert(typeof address === 'object' && address !== null);
      try {
        await work(address.port);
      } finally {
        fake.closeAllConnections();
        fake.close();
      }
    }

    const at = (port: number, changes: Partial<ServerAddress> = {}) =>
      options('trades', { hosts: [{ host: '127.0.0.1', port }], ...changes });

    test('refused credentials and a server that is not there are named', async () => {
      const refusal = { error: { type: 'security_exception' }, status: 401 };
      await whileAnswering(
        401,
        () => refusal,
        (port) =>
          assert.rejects(open(at(port, { username: 'ada', password: 'not-shown' })), (error: Error) => {
            assert.match(error.message, /refuses the credentials/);
            assert.doesNotMatch(error.message, /not-shown/);
            return true;
          }),
      );
      await assert.rejects(open(at(1)), {
        code: 'STORE_UNAVAILABLE',
        retry: 'retry',
        message: /127\.0\.0\.1:1\) gave no answer \(ConnectionError.*ECONNREFUSED/,
      });
    });

    test('an answer of some shards only is a failure, for part would look like all', async () => {
      const partial = { timed_out: false, _shards: { failed: 1 }, hits: { hits: [] } };
      await whileAnswering(
        200,
        (path) => (path.includes('_search') ? partial : {}),
        async (port) => {
          const store = await open(at(port));
          await assert.rejects(store.scan(null, 1), {
            code: 'STORE_UNAVAILABLE',
            retry: 'retry',
            message: /partial_answer: 1 shards did not answer/,
          });
          await store.close();
        },
      );
    });

    test('a crash amid writes loses nothing and doubles nothing, and a hanging one is told and comes back', async () => {
      const own = await startServer(server);
      const store = await untilItWorks(() => open(serverOptions(own.url)));
      const each = 200;
      const trades = (batch: number) =>
        Array.from({ length: each }, (_, number) => executed(batch * each + number));
      await writeThroughCrash(own, 12, (batch) => store.index(trades(batch)));
      const all = Array.from({ length: 12 }, (_, batch) => trades(batch)).flat();
      assert.deepEqual(
        await untilItWorks(() => idsOf(store)),
        all.map(({ eventId }) => eventId),
      );
      const { userId } = executed(0);
      await failThenRecover(own, () => store.search({ userId, limit: 1 }));
      await store.close();
    });
  });
}
