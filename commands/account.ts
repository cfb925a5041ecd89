/** `tradehall account`: accounts, their money and their API keys, through the running instance of a data folder. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { assertAccountId } from './account-id.ts';
import { addDataFlag, dataFolderOf } from './data-flag.ts';
import { connectOperator, type OperatorClient } from './operator-client.ts';
import type { Terminal } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

interface OpenedKey {
  readonly keyId: string;
  readonly secret: string;
  readonly accountId: string;
}

function accountPath(accountId: string): string {
  assertAccountId(accountId);
  return `/operator/accounts/${accountId}`;
}

/** Of a command that moves money: one that is given again under the same key is done once. */
function addIdempotencyKey(command: Command): Command {
  return command.option(
    '--idempotency-key <key>',
    'Of a try before, so that it is not done twice; a new one without it.',
  );
}

/** What may have been done is told with the key to repeat it under. */
async function once<Done>(flags: Flags, command: (key: string) => Promise<Done>): Promise<Done> {
  const given = flags['idempotencyKey'];
  const key = typeof given === 'string' ? given : randomUUID();
  try {
    return await command(key);
  } catch (error) {
    if (!(error instanceof OperatingError) || error.retry !== 'unknown') throw error;
    throw new OperatingError(
      error.code,
      `${error.message} Give the command again with --idempotency-key ${key}, and it is done once.`,
      { retry: 'unknown', cause: error },
    );
  }
}

function tellKey(terminal: Terminal, { keyId, secret }: OpenedKey): void {
  terminal.print(`keyId      ${keyId}`);
  terminal.print(`secret     ${secret}`);
  terminal.print('The secret is shown this once. Send "Authorization: Bearer <keyId>.<secret>".');
}

export function register(program: Command, terminal: Terminal): void {
  const account = program
    .command('account')
    .description('Open accounts, move money, make and revoke API keys.')
    .addHelpText(
      'after',
      `
These commands talk to the running instance of the data folder, through a socket that only the folder's owner can open.
Amounts are decimals with at most nine places.

Example:
  npx tradehall account open --name Ada --cash 100000`,
    );
  addOpen(account, terminal);
  addList(account, terminal);
  addTransfers(account, terminal);
  addStatement(account, terminal);
  addKeys(account, terminal);
}

function addOpen(account: Command, terminal: Terminal): void {
  addDataFlag(
    addIdempotencyKey(
      account
        .command('open')
        .description('Open a trading account with its first API key.')
        .requiredOption('--name <name>', 'What it is called.')
        .requiredOption('--cash <amount>', 'Its opening deposit; 0 for none.')
        .option('--json', 'As JSON: {accountId, userId, keyId, secret}.'),
    ),
  ).action(async (flags: Flags) => {
    const client = connectOperator(dataFolderOf(flags));
    const body = { name: flags['name'], cash: flags['cash'] };
    const { accountId } = (await once(flags, (key) =>
      client.call('POST', '/operator/accounts', body, key),
    )) as { readonly accountId: string };
    const key = await firstKey(client, accountId);
    if (flags['json'] === true) {
      terminal.print(JSON.stringify({ accountId, userId: accountId, keyId: key.keyId, secret: key.secret }));
      return;
    }
    terminal.print(`accountId  ${accountId}`);
    tellKey(terminal, key);
  });
}

async function firstKey(client: OperatorClient, accountId: string): Promise<OpenedKey> {
  try {
    return (await client.call('POST', `${accountPath(accountId)}/keys`)) as OpenedKey;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw new OperatingError(
      error.code,
      `Account ${accountId} is open, and has no API key yet: tradehall account key add ${accountId}. ${error.message}`,
      { retry: error.retry, cause: error },
    );
  }
}

function addList(account: Command, terminal: Terminal): void {
  addDataFlag(
    account
      .command('list')
      .description('Every account, with its name.')
      .option('--json', 'As JSON: [{accountId, name, createdAt}].'),
  ).action(async (flags: Flags) => {
    const client = connectOperator(dataFolderOf(flags));
    const accounts: { readonly accountId: string; readonly name: string }[] = [];
    let pageToken: string | null = null;
    do {
      const query: string = pageToken === null ? '' : `?pageToken=${encodeURIComponent(pageToken)}`;
      const page = (await client.call('GET', `/operator/accounts${query}`)) as {
        readonly accounts: typeof accounts;
        readonly pagination: { readonly nextPageToken: string | null };
      };
      accounts.push(...page.accounts);
      pageToken = page.pagination.nextPageToken;
    } while (pageToken !== null);
    if (flags['json'] === true) terminal.print(JSON.stringify(accounts, null, 2));
    else if (accounts.length === 0)
      terminal.print('There are no accounts: tradehall account open --name N --cash A');
    else for (const { accountId, name } of accounts) terminal.print(`${accountId}  ${name}`);
  });
}

function addTransfers(account: Command, terminal: Terminal): void {
  const kinds = [
    ['deposit', 'deposits', 'Put money into an account.'],
    ['withdraw', 'withdrawals', 'Take money out of an account, as far as no open order has reserved it.'],
  ] as const;
  for (const [name, resource, sentence] of kinds) {
    addDataFlag(
      addIdempotencyKey(
        account
          .command(name)
          .description(sentence)
          .argument('<accountId>', 'As `account list` shows it.')
          .argument('<amount>', 'Above zero.')
          .option('--json', "As JSON: the entry of the account's books."),
      ),
    ).action(async (accountId: string, amount: string, flags: Flags) => {
      const client = connectOperator(dataFolderOf(flags));
      const path = `${accountPath(accountId)}/${resource}`;
      const answer = await once(flags, (key) => client.call('POST', path, { amount }, key));
      terminal.print(flags['json'] === true ? JSON.stringify(answer) : `${name} of ${amount}: done.`);
    });
  }
}

function addStatement(account: Command, terminal: Terminal): void {
  addDataFlag(
    account
      .command('statement')
      .description('Every entry of an account, oldest first, as CSV.')
      .argument('<accountId>', 'As `account list` shows it.')
      .option('--from <time>', 'From this time on, ISO 8601, UTC (market time).')
      .option('--to <time>', 'Before this time.')
      .option('--json', 'As JSON: [{entryId, sequence, timestamp, kind, …}].'),
  ).action(async (accountId: string, flags: Flags) => {
    const client = connectOperator(dataFolderOf(flags));
    const query = new URLSearchParams();
    for (const name of ['from', 'to'] as const) {
      const value = flags[name];
      if (typeof value === 'string') query.set(name, value);
    }
    const path = `${accountPath(accountId)}/statement`;
    if (flags['json'] === true) terminal.print(JSON.stringify(await entriesOf(client, path, query), null, 2));
    else await printCsv(client, path, query, terminal);
  });
}

async function entriesOf(
  client: OperatorClient,
  path: string,
  query: URLSearchParams,
): Promise<readonly unknown[]> {
  const entries: unknown[] = [];
  for (;;) {
    const { lines, pagination } = (await client.call('GET', `${path}?${query}`)) as {
      readonly lines: readonly unknown[];
      readonly pagination: { readonly nextPageToken: string | null };
    };
    entries.push(...lines);
    if (pagination.nextPageToken === null) return entries;
    query.set('pageToken', pagination.nextPageToken);
  }
}

/** As the API has it, its columns named once. */
async function printCsv(
  client: OperatorClient,
  path: string,
  query: URLSearchParams,
  terminal: Terminal,
): Promise<void> {
  query.set('format', 'csv');
  for (let isFirst = true; ; isFirst = false) {
    const { text, nextPageToken } = await client.page(`${path}?${query}`);
    const lines = text.split('\r\n').slice(isFirst ? 0 : 1, -1);
    for (const line of lines) terminal.print(line);
    if (nextPageToken === null) return;
    query.set('pageToken', nextPageToken);
  }
}

function addKeys(account: Command, terminal: Terminal): void {
  const key = account.command('key').description('Make, list and revoke API keys.');
  addDataFlag(
    key
      .command('add')
      .description('A new API key of an account; the secret is shown once.')
      .argument('<accountId>', 'As `account list` shows it.')
      .option('--json', 'As JSON: {keyId, secret, accountId}.'),
  ).action(async (accountId: string, flags: Flags) => {
    const client = connectOperator(dataFolderOf(flags));
    const added = (await client.call('POST', `${accountPath(accountId)}/keys`)) as OpenedKey;
    if (flags['json'] === true) terminal.print(JSON.stringify(added));
    else tellKey(terminal, added);
  });
  addDataFlag(
    key
      .command('list')
      .description('The keys of an account, without their secrets.')
      .argument('<accountId>', 'As `account list` shows it.')
      .option('--json', 'As JSON: [{keyId, accountId, createdAt, revokedAt}].'),
  ).action(async (accountId: string, flags: Flags) => {
    const client = connectOperator(dataFolderOf(flags));
    const { keys } = (await client.call('GET', `${accountPath(accountId)}/keys`)) as {
      readonly keys: readonly { keyId: string; createdAt: string; revokedAt: string | null }[];
    };
    if (flags['json'] === true) terminal.print(JSON.stringify(keys, null, 2));
    else if (keys.length === 0) terminal.print('It has no keys: tradehall account key add <accountId>');
    else
      for (const { keyId, createdAt, revokedAt } of keys)
        terminal.print(`${keyId}  made ${createdAt}${revokedAt === null ? '' : `, revoked ${revokedAt}`}`);
  });
  addDataFlag(
    key
      .command('revoke')
      .description('Revoke an API key; its open sockets are closed.')
      .argument('<keyId>', 'As `account key list` shows it.')
      .option('--json', 'As JSON: {keyId, revoked}.'),
  ).action(async (keyId: string, flags: Flags) => {
    const answer = await connectOperator(dataFolderOf(flags)).call(
      'DELETE',
      `/operator/keys/${encodeURIComponent(keyId)}`,
    );
    terminal.print(flags['json'] === true ? JSON.stringify(answer) : `${keyId} revoked.`);
  });
}
