/** `tradehall breaker`: trips and resets the breaker of an account through the running instance of a data folder. */
import type { Command } from 'commander';
import { assertAccountId } from './account-id.ts';
import { addDataFlag, dataFolderOf } from './data-flag.ts';
import { describeUnlisted } from './halts.ts';
import { connectOperator } from './operator-client.ts';
import type { Terminal } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

interface BreakersAnswer {
  readonly partitions: readonly {
    readonly partition: number;
    readonly known: boolean;
    readonly accounts: readonly BreakerAnswer[];
    readonly unlisted: number;
  }[];
}

interface BreakerAnswer {
  readonly accountId: string;
  readonly state: 'OPEN' | 'TRIPPED' | 'QUIET_PERIOD' | 'UNKNOWN';
  readonly quietUntil: string | null;
}

export function register(program: Command, terminal: Terminal): void {
  const command = program
    .command('breaker')
    .description('Let an account sell only, and let it trade again after a quiet period.')
    .addHelpText(
      'after',
      `
A breaker trips by itself once the account has lost more in a day than max_daily_loss. What the account buys is canceled and
refused then, and what it sells goes on. After a reset the same holds until breaker_quiet_period_ms of market time have
passed, and losses count anew. What happened when, why and by whom stands on the account's statement.

Example:
  npx tradehall breaker reset --account 7d444840-9dc0-41d1-b245-5ffdce74fad2 --reason "limit raised with Ada"`,
    );
  const actions = [
    ['trip', 'Cancel what the account buys and let it only sell.'],
    ['reset', 'Begin the quiet period, after which the account trades again.'],
  ] as const;
  for (const [name, sentence] of actions) {
    addDataFlag(
      command
        .command(name)
        .description(sentence)
        .requiredOption('--account <accountId>', 'As `account list` shows it.')
        .requiredOption('--reason <text>', "Why, for the account's statement; 200 characters at most.")
        .option('--json', 'As JSON: {accountId, state, quietUntil}.'),
    ).action(async (flags: Flags) => {
      const accountId = String(flags['account']);
      assertAccountId(accountId);
      const answer = (await connectOperator(dataFolderOf(flags)).call('POST', '/operator/breaker', {
        accountId,
        action: name.toUpperCase(),
        reason: flags['reason'],
      })) as BreakerAnswer;
      terminal.print(flags['json'] === true ? JSON.stringify(answer) : describe(answer));
    });
  }
  addDataFlag(
    command
      .command('show')
      .description('Which breakers are not open.')
      .option('--json', 'As JSON: {partitions: [{partition, known, accounts, unlisted}]}.'),
  ).action(async (flags: Flags) => {
    const answer = (await connectOperator(dataFolderOf(flags)).call(
      'GET',
      '/operator/breaker',
    )) as BreakersAnswer;
    if (flags['json'] === true) terminal.print(JSON.stringify(answer, null, 2));
    else for (const line of describeAll(answer)) terminal.print(line);
  });
}

function describe({ accountId, state, quietUntil }: BreakerAnswer): string {
  const whose = `The breaker of account ${accountId}`;
  switch (state) {
    case 'OPEN':
      return `${whose} is open.`;
    case 'TRIPPED':
      return `${whose} has tripped: the account may only sell until it is reset.`;
    case 'QUIET_PERIOD':
      return `${whose} is in its quiet period: the account may only sell until ${quietUntil ?? 'it is over'} of market time.`;
    case 'UNKNOWN':
      return `${whose} has heard it; too many accounts are halted to say how it is now.`;
  }
}

function describeAll({ partitions }: BreakersAnswer): readonly string[] {
  const lines = partitions.flatMap(({ accounts }) => accounts.map(describe));
  const unknown = partitions.filter(({ known }) => !known).map(({ partition }) => partition);
  if (unknown.length > 0)
    lines.push(`Of partition ${unknown.join(', ')} nothing is known: does execution run?`);
  lines.push(...describeUnlisted(partitions));
  return lines.length === 0 ? ['Every breaker is open.'] : lines;
}
