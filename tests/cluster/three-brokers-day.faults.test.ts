/**
 * The trading day of tests/e2e in one process on three Kafka brokers, and Redis, DynamoDB, OpenSearch, ClickHouse and
 * PostgreSQL. In each of the process's lives but the first and the last, in which clients wait for outcomes, another broker is
 * killed under load and comes back.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after } from 'node:test';
import { oneProcess } from '../e2e/one-process.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { registerTradingDay } from '../e2e/trading-day.ts';
import { startKafkaCluster } from '../support/kafka-cluster.ts';
import { prepareServers, startServers } from './cluster.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const dataFolder = join(folder.path, 'data');
const { url, brokers } = await startKafkaCluster();
const servers = await startServers(['event_log']);
const variables = { ...servers.variables, TRADEHALL_EVENT_LOG: url };
await prepareServers(variables, dataFolder);

const hall = oneProcess(dataFolder, variables, servers.refreshSearch);
let lives = 0;

registerTradingDay({
  title: 'a trading day in one process on three brokers, which are killed too',
  hall: {
    ...hall,
    async start(replaySpeed) {
      const life = await hall.start(replaySpeed);
      const broker = brokers[lives % brokers.length];
      lives += 1;
      if (lives === 1 || replaySpeed === 'max') return life;
      assert.ok(broker !== undefined);
      const wreck = broker.kill().then(() => broker.startAgain());
      wreck.catch(() => undefined);
      const afterIt = (end: () => Promise<void>) => async () => {
        await wreck;
        await end();
      };
      return { ...life, kill: afterIt(() => life.kill()), stop: afterIt(() => life.stop()) };
    },
  },
  orders: 1_500,
  exportFile: join(folder.path, 'log.ndjson.gz'),
});
