/** The checks of idempotency fail closed: while an index lacks something old, a key does not count as unused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import { openTestLog, SILENT, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { type AccountRouteParts, accountRoutes } from './account-routes.ts';
import { IndexLag } from './index-lag.ts';

const GROUP = 'portfolio-statements';
const ACCOUNT = '00000000-0000-4000-8000-000000000001';

test('an index that is being built again says so until it has what was there at the start', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, 1);
  try {
    const entry = { topic: TOPIC.ledgerEntries, partition: 0, key: ACCOUNT, value: Buffer.from('{}') };
    await log.append([entry, entry]);
    const { runtime } = testContext();
    const lag = new IndexLag({
      name: 'the index',
      group: GROUP,
      topic: TOPIC.ledgerEntries,
      log,
      runtime,
      logger: SILENT,
      maxLag: 10,
      onIndexed() {},
    });
    assert.match(lag.trouble() ?? '', /not known/);
    await lag.look();
    assert.match(lag.trouble() ?? '', /the index is catching up after the start/);
    const consumer = await log.openConsumer({
      group: GROUP,
      topics: [TOPIC.ledgerEntries],
      start: 'earliest',
    });
    await consumer.poll({ maxRecords: 10, signal: new AbortController().signal });
    await consumer.commit([{ topic: TOPIC.ledgerEntries, partition: 0, offset: 2 }]);
    await consumer.close();
    await lag.look();
    assert.equal(lag.trouble(), null);
  } finally {
    await log.close();
    directory.dispose();
  }
});

test('a transfer under a key is refused while the statements cannot say whether the key was used', async () => {
  const appended: unknown[] = [];
  const parts = {
    log: { append: async (records: unknown) => void appended.push(records) },
    portfolios: { get: async () => ({ version: 1 }) },
    statementLag: { trouble: () => 'the account statements are catching up' },
    logger: SILENT,
  } as unknown as AccountRouteParts;
  const deposit = accountRoutes(parts).find(({ path }) => path.endsWith('/deposits'));
  const answer = await deposit?.handle({
    params: { accountId: ACCOUNT },
    headers: { 'x-idempotency-key': 'k' },
    body: { amount: '10' },
  } as never);
  assert(answer?.kind === 'problem');
  assert.equal(answer.problem.status, 503);
  assert.deepEqual(appended, []);
});
