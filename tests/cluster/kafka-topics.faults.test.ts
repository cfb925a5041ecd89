/** A topic of the log on Kafka that is removed under load, and what a start, an order and `verify` say after it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadKafkaLibrary, promised } from '#infrastructure/event-log/kafka/kafka-library.ts';
import { type Api, connect, listMember } from '../e2e/api.ts';
import { eventually } from '../e2e/eventually.ts';
import { openAccounts } from '../e2e/operator.ts';
import { type RunningProgram, runWith, startIn, temporaryFolder } from '../e2e/program.ts';
import type { Account, Diary } from '../e2e/workload.ts';
import { sharedServer } from '../support/servers.ts';
import { type SteadyLoad, startSteadyLoad } from './steady-load.ts';

const CALL_MS = 10_000;
const folder = temporaryFolder();
const NAME = `topics-${process.pid}`;
const GONE = /The topic trade_orders of the event log is gone from Kafka at .*`tradehall import FILE/;
let bootstrap = '';
let variables: Readonly<Record<string, string>> = {};
let program: RunningProgram | null = null;
let api: Api | null = null;
let load: SteadyLoad | null = null;

function start(): Promise<RunningProgram> {
  const words = ['--data', folder.path, '--port', '0', '--log-level', 'warn'];
  return startIn({ variables }, words);
}

before(async () => {
  const url = await sharedServer('kafka');
  bootstrap = url.slice('kafka://'.length);
  variables = { TRADEHALL_EVENT_LOG: `${url}/${NAME}` };
});
after(async () => {
  // Whatever the test has told already.
  await load?.stop(0).catch(() => undefined);
  await api?.close();
  await program?.end('SIGKILL');
  folder.remove();
});

async function removeTopic(topic: string): Promise<void> {
  const { AdminClient } = await loadKafkaLibrary();
  const admin = AdminClient.create({ 'bootstrap.servers': bootstrap });
  try {
    await promised<undefined>((callback) =>
      admin.deleteTopic(`${NAME}.${topic}`, CALL_MS, (error) => callback(error, undefined)),
    );
  } finally {
    admin.disconnect();
  }
}

async function reasons(client: Api): Promise<readonly string[]> {
  const { status, body } = await client.request('GET', '/readyz');
  return status === 200 ? [] : listMember(body, 'reasons').map(String);
}

test('the inputs of execution removed under load: told, nothing accepted any more, and no start goes on over the gap', async () => {
  program = await start();
  const client = connect(program.url);
  api = client;
  const clients: readonly Account[] = await openAccounts(folder.path, 4);
  const diary: Diary = { accepted: new Map(), statuses: new Map(), sent: 0 };
  const steady = startSteadyLoad(program.url, clients, diary, 1);
  load = steady;
  await eventually('orders are accepted', async () => (diary.accepted.size > 20 ? true : null));

  // One that never held a record comes back by itself, and nobody notices.
  await removeTopic('venue_commands.dead_letter');
  await removeTopic('trade_orders');
  const told = await eventually('readiness tells of the topic', async () => {
    const found = await reasons(client);
    return found.some((reason) => GONE.test(reason)) ? found : null;
  });
  assert.ok(!told.some((reason) => reason.includes('venue_commands')), told.join('\n'));
  const fromNow = performance.now();
  const since = () => steady.told.filter(({ askedMs }) => askedMs > fromNow);
  await eventually('orders are answered', async () => (since().length > 20 ? true : null));
  assert.ok(since().some(({ code }) => code === 'LOG_UNWRITABLE'));
  // An order sent before may be found again under its key.
  assert.deepEqual(
    since().filter(({ first, status }) => first && status === 202),
    [],
  );
  await assert.rejects(steady.stop(1_000), /still without an answer/);

  // What waits for the broker at that moment may take it longer than it is given.
  await program.end('SIGTERM');
  program = null;
  await assert.rejects(start(), GONE);
  const verdict = await runWith(variables, 'verify', '--data', folder.path);
  assert.notEqual(verdict.code, 0);
  assert.match(verdict.stdout + verdict.stderr, GONE);
});
