/** What has to hold of a folder that a power cut left: of its log at rest, and of the program that is started on it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DATA_PATHS } from '#composition/data-paths.ts';
import { verifyDataFolder } from '#composition/verification/verify-data-folder.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { openLogArchiveFromDirectory } from '#infrastructure/event-log/sqlite/directory-archive.ts';
import { connect, member, textMember } from '#tests/e2e/api.ts';
import { runJson, startProgram } from '#tests/e2e/program.ts';
import { everyOrderEnds, portfoliosAreTheirTrades } from '#tests/e2e/settled.ts';
import { type Account, TERMINAL } from '#tests/e2e/workload.ts';

const DEADLINE_MS = 60_000;

/** The log is sound, and holds every order that somebody had been told of. Where nobody had, there may be no log yet. */
export async function assertLogHolds(dataFolder: string, told: ReadonlySet<string>): Promise<void> {
  let verdict: Awaited<ReturnType<typeof verifyDataFolder>>;
  try {
    verdict = await verifyDataFolder(dataFolder, { log: null, stores: null }, () => {});
  } catch (error) {
    if (told.size === 0 && error instanceof OperatingError) return;
    throw error;
  }
  assert.deepEqual(verdict.findings, [], 'the log is sound');
  const submitted = new Set(
    eventsOf(dataFolder, 'trade_orders')
      .filter((event) => member(event, 'eventType') === 'SubmitOrder')
      .map((event) => textMember(member(event, 'payload'), 'orderId')),
  );
  const lost = [...told].filter((orderId) => !submitted.has(orderId));
  assert.deepEqual(lost, [], 'orders that were answered with 202 are in the log');
}

/** The program starts, ends every such order once, and all that it shows agrees with the log, to the last digit. */
export async function assertStarts(dataFolder: string, told: ReadonlyMap<string, Account>): Promise<void> {
  const program = await startProgram('--data', dataFolder, '--log-level', 'warn');
  const api = connect(program.url);
  try {
    const accepted = new Map([...told].map(([orderId, account]) => [orderId, { orderId, account }]));
    await everyOrderEnds(api, { accepted, statuses: new Map(), sent: 0 }, DEADLINE_MS);
    await portfoliosAreTheirTrades(api, [...new Set(told.values())]);
  } finally {
    await api.close();
    const { code, stderr } = await program.end('SIGTERM');
    assert.equal(code, 0, stderr);
  }
  const verdict = await runJson('verify', '--deep', '--data', dataFolder);
  assert.deepEqual(member(verdict, 'findings'), [], 'the log and the projections are sound');
  const endings = new Map<string, number>();
  for (const event of eventsOf(dataFolder, 'order_updates')) {
    const update = member(event, 'payload');
    if (['cancel_rejected', 'duplicate_conflict'].includes(textMember(update, 'update'))) continue;
    if (!TERMINAL.has(textMember(update, 'status'))) continue;
    const orderId = textMember(update, 'orderId');
    endings.set(orderId, (endings.get(orderId) ?? 0) + 1);
  }
  for (const orderId of told.keys()) assert.equal(endings.get(orderId), 1, `the order ${orderId} ends once`);
}

function eventsOf(dataFolder: string, topic: string): readonly unknown[] {
  const archive = openLogArchiveFromDirectory(join(dataFolder, DATA_PATHS.log));
  try {
    return archive
      .partitions()
      .filter((place) => place.topic === topic)
      .flatMap((place) => [...archive.records(place)])
      .flatMap(({ value }) => (value === null ? [] : [JSON.parse(Buffer.from(value).toString('utf8'))]));
  } finally {
    archive.close();
  }
}
