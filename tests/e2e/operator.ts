/** What a test does as the operator of a running data folder. */
import assert from 'node:assert/strict';
import { connectOperator, listMember, member, textMember } from './api.ts';
import { runJson } from './program.ts';
import type { Account } from './workload.ts';

async function status(dataFolder: string): Promise<unknown> {
  const operator = connectOperator(dataFolder);
  try {
    return (await operator.request('GET', '/operator/status')).body;
  } finally {
    await operator.close();
  }
}

/** Whether the feed has come to its end, asked of the process that reads it. */
export async function feedHasEnded(dataFolder: string): Promise<boolean> {
  const ingestion = listMember(await status(dataFolder), 'targets').find(
    (target) => textMember(target, 'name') === 'market-ingestion',
  );
  return member(member(ingestion, 'status'), 'finished') === true;
}

/** How many records consumers of the log have yet to read, all together. */
export async function totalLag(dataFolder: string): Promise<number> {
  const groups = listMember(member(await status(dataFolder), 'log'), 'groups');
  return groups
    .flatMap((group) => listMember(group, 'positions'))
    .reduce<number>((sum, position) => sum + Number(member(position, 'lag')), 0);
}

/** Some through the command, the others as the command does it, which is quicker. */
export async function openAccounts(dataFolder: string, count: number): Promise<readonly Account[]> {
  const operator = connectOperator(dataFolder);
  const opened: Account[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      // Some are rich, some run out of cash in the middle of the day.
      const cash = ['1000000', '100000.50', '20000', '2500.123456789'][index % 4] ?? '100000';
      if (index < 2) {
        const shown = await runJson(
          'account',
          'open',
          '--data',
          dataFolder,
          '--name',
          `Client ${index}`,
          '--cash',
          cash,
        );
        opened.push({
          accountId: textMember(shown, 'accountId'),
          credential: `${textMember(shown, 'keyId')}.${textMember(shown, 'secret')}`,
          cash,
        });
        continue;
      }
      const account = await operator.request('POST', '/operator/accounts', {
        body: { name: `Client ${index}`, cash },
      });
      assert.equal(account.status, 201, JSON.stringify(account.body));
      const accountId = textMember(account.body, 'accountId');
      const key = await operator.request('POST', `/operator/accounts/${accountId}/keys`);
      assert.equal(key.status, 201, JSON.stringify(key.body));
      opened.push({
        accountId,
        credential: `${textMember(key.body, 'keyId')}.${textMember(key.body, 'secret')}`,
        cash,
      });
    }
  } finally {
    await operator.close();
  }
  return opened;
}
