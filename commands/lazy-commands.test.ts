/** Commands are loaded when they are named; what --help says of the others is what they say of themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { registrations } from './program.ts';

test('the sentence that --help shows for a command is the command’s own', async () => {
  for (const { summaries, load } of registrations) {
    const program = new Command();
    (await load()).register(program, { print: () => {}, tell: () => {}, exitWith: () => {} });
    const own = Object.fromEntries(
      program.commands.map((command) => [command.name(), command.description()]),
    );
    assert.deepEqual(own, summaries);
  }
});
