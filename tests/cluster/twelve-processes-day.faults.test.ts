/**
 * The trading day of tests/e2e in twelve processes on Kafka, Redis, DynamoDB, OpenSearch, ClickHouse and PostgreSQL. A
 * kill ends all twelve at once and none of the servers; cluster.servers.test.ts kills one or the other.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after } from 'node:test';
import { BARS } from '../e2e/bars.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { registerTradingDay } from '../e2e/trading-day.ts';
import { type Cluster, startCluster, startServers } from './cluster.ts';
import { TWELVE } from './layout.ts';

const folder = temporaryFolder();
after(() => folder.remove());

const servers = await startServers();
let cluster: Cluster | null = null;

registerTradingDay({
  title: 'a trading day in twelve processes on six servers',
  hall: {
    variables: servers.variables,
    dataFolder: join(folder.path, 'commands'),
    async start(replaySpeed) {
      const variablesOf = {
        'market-ingestion': {
          TRADEHALL_FEED: `replay:${BARS}`,
          TRADEHALL_REPLAY_SPEED: replaySpeed,
          TRADEHALL_LOG_LEVEL: 'info',
        },
      };
      if (cluster === null) cluster = await startCluster(folder.path, TWELVE, servers, variablesOf);
      else await cluster.startAll(variablesOf);
      const { gateways, said, killAll, stop } = cluster;
      const [gateway] = gateways;
      assert.ok(gateway !== undefined);
      return {
        urls: gateways.map(({ url }) => url),
        operatorFolder: gateway.dataFolder,
        feedHasEnded: async () => said('market-ingestion').includes('the feed has come to its end'),
        showHistory: servers.refreshSearch,
        kill: killAll,
        async stop() {
          assert.deepEqual(await stop(), []);
        },
      };
    },
  },
  orders: 1_500,
  exportFile: join(folder.path, 'log.ndjson.gz'),
});
