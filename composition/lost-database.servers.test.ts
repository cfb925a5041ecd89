/**
 * What PostgreSQL loses under several order processes with the log on Kafka: each order that the log has is in the order
 * index again, though a process goes on all the while that knows of nothing.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import type { Quantity } from '#domain/data/decimal.ts';
import type { AccountId, CommandId, OrderId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { orderOptions } from '#services/order/config.ts';
import { createOrderService } from '#services/order/service.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { configured, testContext } from '#tests/in-process/platform.ts';
import { sharedServer } from '#tests/support/servers.ts';
import { openPorts } from './adapters.ts';
import { configOf, type Flags } from './servers.testing.ts';

const name = `lost_${randomUUID().replaceAll('-', '')}`;
const root = mkdtempSync(join(tmpdir(), 'lost-database-'));
const ACCOUNTS = Array.from({ length: 20 }, () => randomUUID() as AccountId);

/** One of several order processes. */
async function startOrderProcess(folder: string, flags: Flags) {
  const errors: string[] = [];
  const logger = createLogger({ level: 'error', format: 'json', write: (line) => errors.push(line) });
  const context = testContext({ logger });
  const ports = await openPorts(['log', 'cache', 'portfolios', 'relational'], {
    folder: { file: (path) => join(root, folder, path) },
    config: configOf(flags),
    runtime: createSystemRuntime(),
    logger,
    metrics: createPrometheusMetrics({ processFigures: false }),
  });
  const relational = ports.port('relational');
  const log = ports.port('log');
  const service = createOrderService(
    context,
    { ...relational, log, cache: ports.port('cache'), portfolios: ports.port('portfolios') },
    configured(orderOptions),
  );
  await service.start();
  return {
    relational,
    log,
    errors,
    trouble(): string {
      const readiness = service.readiness();
      return readiness.ready ? '' : readiness.reasons.join('; ');
    },
    async stop(): Promise<void> {
      await service.stop();
      await ports.close();
      assert.deepEqual(context.crashes, []);
    },
  };
}

type OrderProcess = Awaited<ReturnType<typeof startOrderProcess>>;

describe('a database that is lost under several order processes', () => {
  let flags: Flags = {};
  let server = '';
  const placed = new Set<OrderId>();
  const running = new Set<OrderProcess>();

  before(async () => {
    const [kafka, postgres] = await Promise.all([sharedServer('kafka'), sharedServer('postgres')]);
    server = postgres;
    await sql(`CREATE DATABASE ${name}`);
    const database = new URL(server);
    database.pathname = name;
    flags = { event_log: `${kafka}/${name}`, database: database.href };
  });
  after(async () => {
    for (const one of running) await one.stop();
    await sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    rmSync(root, { recursive: true, force: true });
  });

  async function sql(text: string, path?: string): Promise<void> {
    const url = new URL(server);
    if (path !== undefined) url.pathname = path;
    const client = new Client({ connectionString: url.href });
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  }

  async function start(folder: string): Promise<OrderProcess> {
    const one = await startOrderProcess(folder, flags);
    running.add(one);
    return one;
  }

  /** As the order service would, one of each account: they are of all partitions. */
  async function place({ log }: OrderProcess): Promise<void> {
    const records = ACCOUNTS.map((accountId) => {
      const orderId = randomUUID() as OrderId;
      placed.add(orderId);
      const value = encodeTradingInput(
        {
          type: 'SubmitOrder',
          commandId: orderId as string as CommandId,
          timeMs: 1,
          ingestTimeMs: 1,
          orderId,
          accountId,
          symbol: 'AAPL' as Ticker,
          side: 'BUY',
          terms: { type: 'MARKET', quantity: 1n as Quantity },
          timeInForce: 'DAY',
          clientOrderId: null,
          bodyDigest: 'digest',
        },
        { sourceService: 'test' },
      );
      return { topic: TOPIC.tradeOrders, key: accountId, value };
    });
    await log.append(records);
  }

  async function findsAll({ relational }: OrderProcess): Promise<void> {
    await eventually(`all of ${placed.size} orders are in the index`, async () => {
      const found = await relational.orders.scan(null, placed.size + 1);
      return found.length === placed.size ? true : null;
    });
    await eventually('all processes are ready', async () =>
      [...running].every((one) => one.trouble() === '') ? true : null,
    );
  }

  test('and made again empty, while one of them waits with orders in its hand and another starts', async () => {
    const one = await start('one');
    const other = await start('other');
    await place(one);
    await findsAll(one);
    await place(one);
    await findsAll(one);

    running.delete(one);
    await one.stop();
    await sql(`DROP DATABASE ${name} WITH (FORCE)`);
    await place(other);
    await eventually('the other waits', async () =>
      /order-index waits/.test(other.trouble()) ? true : null,
    );
    await sql(`CREATE DATABASE ${name}`);
    const again = await start('one');
    await findsAll(again);
    await place(again);
    await findsAll(other);
  });

  test('and put back to a former state, as by a failover that lost the last commits, while nothing is placed', async () => {
    const [one] = running;
    assert(one !== undefined);
    const tables = ['orders', 'order_positions'];
    await sql(tables.map((table) => `CREATE TABLE ${table}_before AS TABLE ${table}`).join(';'), name);
    await place(one);
    await findsAll(one);
    const back = tables.map((table) => `INSERT INTO ${table} TABLE ${table}_before`).join(';');
    await sql(`BEGIN; DELETE FROM order_positions; DELETE FROM orders; ${back}; COMMIT`, name);
    await findsAll(one);
    const tells = /"msg":"its store lacks trade_orders\/\d from [1-9]\d* on/;
    assert(
      [...running].some(({ errors }) => errors.some((line) => tells.test(line))),
      'it is told',
    );
  });
});
