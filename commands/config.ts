/** `tradehall config`: the effective configuration, each value's origin, secrets hidden. */
import type { Command } from 'commander';
import { optionGroups } from '#composition/targets.ts';
import type { EffectiveValue } from '#infrastructure/core/configuration.ts';
import { joinOptions } from '#infrastructure/core/configuration.ts';
import { addConfigurationFlags, effectiveConfiguration } from './effective-configuration.ts';
import type { Terminal } from './terminal.ts';

function shownText(value: EffectiveValue): string {
  return value.option.shown(value.text);
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The reference page of every option, as docs/configuration.md holds it. */
export function configurationReference(): string {
  const seen = new Set<string>();
  const groups = optionGroups.map(({ title, options }) => {
    const rows = joinOptions([options])
      .filter((option) => !seen.has(option.name))
      .map((option) => {
        seen.add(option.name);
        const fallback = option.defaultText === '' ? '–' : `\`${option.defaultText}\``;
        return `| \`${option.name}\` | ${fallback} | ${option.unit ?? ''} | ${option.sentence} |`;
      });
    return [`## ${title}`, '', '| option | default | unit | |', '|---|---|---|---|', ...rows, ''].join('\n');
  });
  return `${[
    '# Configuration',
    '',
    'Made from the declarations by `npx tradehall config --reference`; a test holds the two together.',
    '',
    'A value comes from a flag (`--max-body-bytes 1024`), else the environment (`TRADEHALL_MAX_BODY_BYTES=1024`), else the',
    'JSON file that `--config` names (`{"max_body_bytes": 1024}`), else the default. An unknown option, an unknown variable',
    'that begins with `TRADEHALL_`, and a value that breaks its rule stop the start, naming the option.',
    '`npx tradehall config` shows what is in effect, and where each value comes from.',
    '',
    ...groups,
  ].join('\n')}`;
}

export function register(program: Command, terminal: Terminal): void {
  const command = program
    .command('config')
    .description('Show the effective configuration and where each value comes from; secrets are hidden.')
    .option('--json', 'As JSON: [{"name", "value", "unit", "origin", "default", "sentence"}].')
    .option('--reference', 'The reference of all options, in Markdown.');
  addConfigurationFlags(command);
  command.action((flags: Readonly<Record<string, unknown>>) => {
    if (flags['reference'] === true) {
      terminal.print(configurationReference().trimEnd());
      return;
    }
    const { values } = effectiveConfiguration(flags);
    if (flags['json'] === true) {
      const shown = values.map((value) => ({
        name: value.option.name,
        value: shownText(value),
        unit: value.option.unit,
        origin: value.origin,
        default: value.option.defaultText,
        sentence: value.option.sentence,
      }));
      terminal.print(JSON.stringify(shown, null, 2));
      return;
    }
    const rows = values.map((value) => [
      value.option.name,
      shownText(value) || '–',
      value.option.unit ?? '',
      value.origin,
    ]);
    for (const line of table([['option', 'value', 'unit', 'from'], ...rows])) terminal.print(line);
  });
}
