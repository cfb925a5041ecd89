/**
 * The trading day of tests/e2e in one process on Kafka, Redis, DynamoDB, OpenSearch, ClickHouse and PostgreSQL. A kill
 * ends the process and none of the servers; those are killed in cluster.servers.test.ts.
 */
import { join } from 'node:path';
import { after } from 'node:test';
import { oneProcess } from '../e2e/one-process.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { registerTradingDay } from '../e2e/trading-day.ts';
import { prepareServers, startServers } from './cluster.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const dataFolder = join(folder.path, 'data');
const servers = await startServers();
await prepareServers(servers.variables, dataFolder);

registerTradingDay({
  title: 'a trading day in one process on six servers',
  hall: oneProcess(dataFolder, servers.variables, servers.refreshSearch),
  orders: 1_500,
  exportFile: join(folder.path, 'log.ndjson.gz'),
});
