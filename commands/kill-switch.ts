/** `tradehall kill-switch`: halts trading, of all accounts or of one, through the running instance of a data folder. */
import type { Command } from 'commander';
import { assertAccountId } from './account-id.ts';
import { addDataFlag, dataFolderOf } from './data-flag.ts';
import { describeUnlisted } from './halts.ts';
import { connectOperator } from './operator-client.ts';
import type { Terminal } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

interface KillSwitchAnswer {
  readonly partitions: readonly {
    readonly partition: number;
    readonly all: 'ENGAGED' | 'RELEASED' | 'UNKNOWN';
    readonly accounts: readonly string[];
    readonly unlisted: number;
  }[];
}

export function register(program: Command, terminal: Terminal): void {
  const command = program
    .command('kill-switch')
    .description('Halt trading, of every account or of one, and let it go on.')
    .addHelpText(
      'after',
      `
While it is engaged, new orders are refused; what is open is canceled at once. Cash can be moved all the while. The switch
of all accounts and that of one are two: an account trades when both are released.

Example:
  npx tradehall kill-switch engage`,
    );
  const changes = [
    ['engage', 'Cancel every open order and refuse new ones.', true],
    ['release', 'Take new orders again.', false],
  ] as const;
  for (const [name, sentence, engaged] of changes) {
    addDataFlag(
      command
        .command(name)
        .description(sentence)
        .option('--account <accountId>', 'Of this account alone, as `account list` shows it.')
        .option('--json', 'As JSON: {engaged, accountId}.'),
    ).action(async (flags: Flags) => {
      const account = typeof flags['account'] === 'string' ? flags['account'] : undefined;
      if (account !== undefined) assertAccountId(account);
      const answer = await connectOperator(dataFolderOf(flags)).call('POST', '/operator/kill-switch', {
        engaged,
        ...(account === undefined ? {} : { accountId: account }),
      });
      const whose = account === undefined ? 'every account' : `account ${account}`;
      const done = engaged ? 'engaged: new orders are refused until it is released' : 'released';
      terminal.print(
        flags['json'] === true ? JSON.stringify(answer) : `The kill switch of ${whose} is ${done}.`,
      );
    });
  }
  addDataFlag(
    command
      .command('show')
      .description('Which kill switches are engaged.')
      .option('--json', 'As JSON: {partitions: [{partition, all, accounts, unlisted}]}.'),
  ).action(async (flags: Flags) => {
    const answer = (await connectOperator(dataFolderOf(flags)).call(
      'GET',
      '/operator/kill-switch',
    )) as KillSwitchAnswer;
    if (flags['json'] === true) terminal.print(JSON.stringify(answer, null, 2));
    else for (const line of describe(answer)) terminal.print(line);
  });
}

function describe({ partitions }: KillSwitchAnswer): readonly string[] {
  const numbered = (state: string) =>
    partitions.filter(({ all }) => all === state).map(({ partition }) => partition);
  const [engaged, unknown] = [numbered('ENGAGED'), numbered('UNKNOWN')];
  const accounts = partitions.flatMap((each) => each.accounts);
  const lines: string[] = [];
  if (engaged.length === partitions.length) lines.push('The kill switch of every account is engaged.');
  else if (engaged.length > 0)
    lines.push(`The kill switch of every account is engaged in partition ${engaged.join(', ')} only.`);
  else if (unknown.length === 0) lines.push('The kill switch of every account is released.');
  if (unknown.length > 0)
    lines.push(`Of partition ${unknown.join(', ')} nothing is known: does execution run?`);
  for (const accountId of accounts) lines.push(`The kill switch of account ${accountId} is engaged.`);
  lines.push(...describeUnlisted(partitions));
  return lines;
}
