/** `tradehall dead-letters`: what could not be read. Through the running instance, since a decision is a record too. */
import type { Command } from 'commander';
import { addDataFlag, dataFolderOf } from './data-flag.ts';
import { connectOperator } from './operator-client.ts';
import type { Terminal } from './terminal.ts';

interface LetterView {
  readonly id: string;
  readonly reader: string;
  readonly reason: string;
  readonly errors: readonly { readonly field: string; readonly rule: string; readonly message: string }[];
  readonly origin: {
    readonly kind: string;
    readonly topic: string;
    readonly partition?: number;
    readonly offset?: number;
    readonly source?: string;
    readonly line?: number;
  };
  readonly original: { readonly encoding: string; readonly content: string } | null;
  readonly originalBytes: number;
  readonly at: string;
}

type Flags = Readonly<Record<string, unknown>>;

function placeOf({ origin }: LetterView): string {
  return origin.kind === 'row'
    ? `${origin.source ?? ''} line ${origin.line ?? 0}`
    : `${origin.topic}/${origin.partition ?? 0} offset ${origin.offset ?? 0}`;
}

function describeLetter(letter: LetterView): readonly string[] {
  return [
    `id        ${letter.id}`,
    `from      ${placeOf(letter)}`,
    `read by   ${letter.reader} at ${letter.at}`,
    `reason    ${letter.reason}`,
    ...letter.errors.map(
      ({ field, rule, message }) => `          ${field === '' ? '(whole)' : field}: ${message} [${rule}]`,
    ),
    `original  ${letter.original === null ? 'none' : `${letter.originalBytes} bytes, ${letter.original.encoding}`}`,
    ...(letter.original === null ? [] : [letter.original.content]),
  ];
}

function inQuery(id: string): string {
  return `id=${encodeURIComponent(id)}`;
}

export function register(program: Command, terminal: Terminal): void {
  const command = program
    .command('dead-letters')
    .description('List, show, retry or drop records and rows that could not be read.')
    .addHelpText(
      'after',
      `
What cannot be read never stops the rest: it is kept with its original bytes and the reason. These commands talk to
the running instance of the data folder. A retry appends the original bytes to the topic they came from, once; a drop
marks the letter as done with. A row of a file has no topic to go back to: correct the file and replay it, then drop.`,
    );

  addDataFlag(
    command
      .command('list')
      .description('The open letters, oldest first.')
      .option('--topic <name>', 'Only those of this topic.')
      .option('--limit <count>', 'At most so many, up to 1000.', '100')
      .option('--after <id>', 'Those behind this letter: the next page.')
      .option(
        '--json',
        'As JSON: [{id, reader, reason, errors, origin, original, originalBytes, at}]; of long originals the first 2 KiB.',
      ),
  ).action(async (flags: Flags) => {
    const query = new URLSearchParams({ limit: String(flags['limit']) });
    if (typeof flags['topic'] === 'string') query.set('topic', flags['topic']);
    if (typeof flags['after'] === 'string') query.set('after', flags['after']);
    const client = connectOperator(dataFolderOf(flags));
    const { letters } = (await client.call('GET', `/operator/dead-letters?${query}`)) as {
      readonly letters: readonly LetterView[];
    };
    if (flags['json'] === true) {
      terminal.print(JSON.stringify(letters, null, 2));
      return;
    }
    if (letters.length === 0) terminal.print('There are no open dead letters.');
    for (const letter of letters) terminal.print(`${letter.id}  ${placeOf(letter)}  ${letter.reason}`);
  });

  addDataFlag(
    command
      .command('show')
      .description('One letter, open or not, with its original bytes.')
      .argument('<id>', 'As `dead-letters list` shows it.')
      .option('--json', 'As JSON.'),
  ).action(async (id: string, flags: Flags) => {
    const letter = (await connectOperator(dataFolderOf(flags)).call(
      'GET',
      `/operator/dead-letters/letter?${inQuery(id)}`,
    )) as LetterView;
    if (flags['json'] === true) terminal.print(JSON.stringify(letter, null, 2));
    else for (const line of describeLetter(letter)) terminal.print(line);
  });

  const resolutions = [
    ['retry', 'Append the original bytes to their topic again.', 'retried'],
    ['drop', 'Mark the letter as done with.', 'dropped'],
  ] as const;
  for (const [action, sentence, done] of resolutions) {
    addDataFlag(
      command
        .command(action)
        .description(sentence)
        .argument('<id>', 'As `dead-letters list` shows it.')
        .option('--json', 'As JSON: {id, resolution}.'),
    ).action(async (id: string, flags: Flags) => {
      const answer = await connectOperator(dataFolderOf(flags)).call(
        'POST',
        `/operator/dead-letters/${action}?${inQuery(id)}`,
      );
      terminal.print(flags['json'] === true ? JSON.stringify(answer) : `${id} ${done}.`);
    });
  }
}
