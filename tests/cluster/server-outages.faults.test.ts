/**
 * All of Tradehall as one process under load, on six servers, and one server at a time is killed, refuses, falls silent,
 * is slow, loses answers with their connections, or is there and lets nobody in or holds nothing more. What was accepted is never lost and never done twice; orders are
 * accepted or refused in words; readiness tells the truth; half a minute after the server is back, everything works.
 *
 * Five seconds each. FAULT_SECONDS=60 for the long run; FAULT_SERVERS=kafka,redis and FAULT_KINDS=silent for some.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ServerName } from '../../scripts/dev-servers/recipes.ts';
import { type Api, connect, listMember, member, textMember } from '../e2e/api.ts';
import { foldLedger, type LedgerPosting } from '../e2e/books.ts';
import { eventually } from '../e2e/eventually.ts';
import { exportedRecords } from '../e2e/log-file.ts';
import { nano } from '../e2e/nano.ts';
import { openAccounts } from '../e2e/operator.ts';
import { type RunningProgram, runJsonWith, startIn, temporaryFolder } from '../e2e/program.ts';
import { everyOrderEnds, portfoliosAreTheirTrades, sharesCounted } from '../e2e/settled.ts';
import { makeSmallDisk, type SmallDisk } from '../e2e/small-disk.ts';
import { type Account, type Diary, TERMINAL } from '../e2e/workload.ts';
import { prepareServers } from './cluster.ts';
import { SERVERS } from './layout.ts';
import { newOrdersDuring, type Prober, passThrough, recover, tableRow } from './outage.ts';
import { type ProxiedServer, startProxiedServer } from './proxied-servers.ts';
import { FAULT_KINDS, type FaultKind, faultOf } from './server-faults.ts';
import { startSteadyLoad } from './steady-load.ts';

type Option = keyof typeof SERVERS;

const SECONDS = Number(process.env['FAULT_SECONDS'] ?? '5');
const WANTED_SERVERS = process.env['FAULT_SERVERS']?.split(',');
const WANTED_KINDS = process.env['FAULT_KINDS']?.split(',');
const ACCOUNTS = 8;
const CAUGHT_UP_MS = 60_000;
/** Longer than any call waits for a silent server. */
const NOTICED_SECONDS = 20;

interface Row {
  readonly server: ServerName;
  readonly option: Option;
  /** What readiness calls it, by itself or by what it is for. */
  readonly product: RegExp;
  /** Whether orders go on without it. */
  readonly ordersGoOn: boolean;
}

const ROWS: readonly Row[] = [
  { server: 'kafka', option: 'event_log', product: /Kafka|event log/, ordersGoOn: false },
  { server: 'redis', option: 'cache', product: /Redis|price cache/, ordersGoOn: false },
  { server: 'dynamodb', option: 'portfolios', product: /DynamoDB/, ordersGoOn: false },
  { server: 'postgres', option: 'database', product: /PostgreSQL/, ordersGoOn: false },
  { server: 'opensearch', option: 'history', product: /OpenSearch/, ordersGoOn: true },
  { server: 'clickhouse', option: 'analytics', product: /ClickHouse/, ordersGoOn: true },
  { server: 'elasticsearch', option: 'history', product: /Elasticsearch/, ordersGoOn: true },
];

/** Of their own, to fill: they hold what an hour and a half of faults writes. */
const DISK_MB: { readonly [Name in ServerName]?: number } = {
  kafka: 1_024,
  postgres: 1_024,
  dynamodb: 512,
  clickhouse: 1_024,
};

/** Those in which a server that goes on is reached, sooner or later. */
const LAME: readonly FaultKind[] = ['slow', 'cut'];

const rows = ROWS.filter(({ server }) => WANTED_SERVERS?.includes(server) ?? true);
const kinds = FAULT_KINDS.filter((kind) => WANTED_KINDS?.includes(kind) ?? true);

describe('one server at a time, under load', () => {
  const folder = temporaryFolder();
  const dataFolder = join(folder.path, 'data');
  const servers = new Map<ServerName, ProxiedServer>();
  const disks: SmallDisk[] = [];
  const diaries: Diary[] = [];
  const accounts: Account[] = [];
  const traded = new Map<string, bigint>();
  const table: string[] = [];
  let variables: Readonly<Record<string, string>> = {};
  let program: RunningProgram | null = null;
  let api: Api | null = null;
  let prober: Prober | null = null;

  function running(): { readonly program: RunningProgram; readonly api: Api; readonly prober: Prober } {
    assert.ok(program !== null && api !== null && prober !== null, 'it is running');
    return { program, api, prober };
  }

  async function server(name: ServerName): Promise<ProxiedServer> {
    const there = servers.get(name) ?? (await startProxiedServer(name, await diskFor(name)));
    servers.set(name, there);
    return there;
  }

  async function diskFor(name: ServerName): Promise<SmallDisk | null> {
    const megabytes = DISK_MB[name];
    if (megabytes === undefined || !kinds.includes('full')) return null;
    const made = await makeSmallDisk(megabytes);
    assert.ok(made.kind === 'made', `no disk to fill, leave out FAULT_KINDS=full: ${JSON.stringify(made)}`);
    disks.push(made.disk);
    return made.disk;
  }

  /** With `option` on that server, and the others where they were. */
  async function start(option: Option, name: ServerName): Promise<void> {
    const variable = `TRADEHALL_${option.toUpperCase()}`;
    const { url } = await server(name);
    if (program !== null && variables[variable] === url) return;
    await stop();
    variables = { ...variables, [variable]: url };
    program = await startIn({ variables }, [
      ...['--data', dataFolder],
      ...['--port', '0'],
      ...['--log-level', 'warn'],
    ]);
    api = connect(program.url);
  }

  async function stop(): Promise<void> {
    await api?.close();
    const ended = await program?.end('SIGTERM');
    program = null;
    api = null;
    if (ended === undefined) return;
    const { code, signal, stderr } = ended;
    assert.deepEqual(
      { code, signal },
      { code: 0, signal: null },
      `it ended in disorder: ${stderr.slice(-5_000)}`,
    );
  }

  before(async () => {
    // One after the other: all at once they are slow for so long that the first calls are too late.
    for (const [option, name] of Object.entries(SERVERS)) {
      const { url } = await server(name);
      variables = { ...variables, [`TRADEHALL_${option.toUpperCase()}`]: url };
    }
    // The emulator takes any.
    variables = { ...variables, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
    await prepareServers(variables, dataFolder);
    await start('event_log', 'kafka');
    const [account] = await openAccounts(dataFolder, 1);
    assert.ok(account !== undefined);
    prober = { account, shares: 0 };
  });
  after(async () => {
    await program?.end('SIGKILL');
    await Promise.all([...servers.values()].map(({ proxy }) => proxy.close()));
    folder.remove();
    for (const disk of disks) await disk.remove();
    console.log(table.join('\n'));
  });

  for (const [index, { server: name, option, product, ordersGoOn }] of rows.entries()) {
    test(`${name}: it comes back from everything by itself, and the books are right`, async (context) => {
      await start(option, name);
      const { program: living, api: client, prober: probing } = running();
      const diary: Diary = { accepted: new Map(), statuses: new Map(), sent: 0 };
      const clients = await openAccounts(dataFolder, ACCOUNTS);
      diaries.push(diary);
      accounts.push(...clients);
      const load = startSteadyLoad(living.url, clients, diary, (index + 1) * 1_000_000);
      await recover({ endedMs: performance.now() }, client, probing);

      for (const kind of kinds) {
        const fault = faultOf(kind, await server(name));
        if (fault === null) continue;
        await context.test(kind, async () => {
          const outage = await passThrough(fault, SECONDS, client);
          const recovery = await recover(outage, client, probing);
          const row = tableRow(name, fault, outage, recovery, load.told);
          table.push(row);
          console.log(row);
          const orders = newOrdersDuring(outage, load.told);
          const away = !LAME.includes(kind);
          if (ordersGoOn) {
            assert.ok(
              orders.some(({ status }) => status === 202),
              'orders go on',
            );
            assert.deepEqual(
              orders.filter(({ status }) => status >= 500),
              [],
            );
          } else if (away && fault.stillReads !== true) {
            assert.deepEqual(
              orders.filter(({ status }) => status === 202),
              [],
              'nothing is accepted without it',
            );
          }
          if (away && (kind !== 'silent' || SECONDS >= NOTICED_SECONDS)) {
            assert.ok(
              outage.looks.some(({ reasons }) => reasons.some((reason) => product.test(reason))),
              `readiness names ${product}: ${JSON.stringify(outage.looks.at(-1))}`,
            );
          }
        });
      }

      await load.stop(CAUGHT_UP_MS);
      assert.ok(diary.accepted.size > 20, `${diary.accepted.size} orders were accepted`);
      await everyOrderEnds(client, diary, CAUGHT_UP_MS);
      for (const [symbol, shares] of await portfoliosAreTheirTrades(client, clients)) {
        traded.set(symbol, (traded.get(symbol) ?? 0n) + shares);
      }
      await eventually('analytics count the shares of every trade', async () => {
        const counted = new Map(await sharesCounted(client, probing.account));
        // The prober's.
        counted.delete('KO');
        try {
          assert.deepEqual([...counted].sort(), [...traded].sort());
          return true;
        } catch (error) {
          if (error instanceof assert.AssertionError) return null;
          throw error;
        }
      });
    });
  }

  test('it ends in order, the log verifies, every accepted order ends once, and money is conserved', async () => {
    await stop();
    const verdict = await runJsonWith(variables, 'verify', '--data', dataFolder, '--deep');
    assert.deepEqual(member(verdict, 'findings'), []);
    assert.equal(member(verdict, 'sound'), true);
    const file = join(folder.path, 'log.ndjson.gz');
    await runJsonWith(variables, 'export', file, '--data', dataFolder);
    const endings = new Map<string, number>();
    const entries: LedgerPosting[][] = [];
    for await (const { topic, event } of exportedRecords(
      file,
      new Set(['order_updates', 'ledger_entries']),
    )) {
      const payload = member(event, 'payload');
      if (topic === 'ledger_entries') {
        entries.push(
          listMember(payload, 'postings').map((posting) => ({
            account: textMember(posting, 'account'),
            asset: textMember(posting, 'asset'),
            amount: nano(textMember(posting, 'amount')),
          })),
        );
        continue;
      }
      if (!TERMINAL.has(textMember(payload, 'status'))) continue;
      if (['cancel_rejected', 'duplicate_conflict'].includes(textMember(payload, 'update'))) continue;
      const orderId = textMember(payload, 'orderId');
      endings.set(orderId, (endings.get(orderId) ?? 0) + 1);
    }
    for (const { accepted } of diaries) {
      for (const orderId of accepted.keys()) assert.equal(endings.get(orderId), 1, orderId);
    }
    // Fails where an entry does not balance.
    foldLedger(entries);
  });
});
