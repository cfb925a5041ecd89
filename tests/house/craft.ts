/** Rules of craft: names, lengths, headers, barrels, escapes from the type checker, tests that are really run. */
import { posix } from 'node:path';
import type { Rule, Violation } from './judge.ts';
import { isTest, lineAt, type SourceFile } from './source.ts';

const LINES_MAX = 400;

type Found = readonly { readonly index: number; readonly message: string }[];

function perFile(
  name: string,
  applies: (file: SourceFile) => boolean,
  find: (file: SourceFile) => Found,
): Rule {
  return {
    name,
    check: (files) =>
      files.filter(applies).flatMap((file) =>
        find(file).map(
          ({ index, message }): Violation => ({
            path: file.path,
            line: lineAt(file.text, index),
            rule: name,
            message,
          }),
        ),
      ),
  };
}

const everywhere = (): boolean => true;
const inProduct = (file: SourceFile): boolean => !isTest(file.path);

function matches(file: SourceFile, pattern: RegExp, message: string): Found {
  return [...file.code.matchAll(pattern)].map((match) => ({ index: match.index, message }));
}

const VAGUE = /^(utils?|helpers?|misc|common-utils|stuff|lib)$/;
const FILE_NAME = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.ts$/;

export const names = perFile('names', everywhere, (file) => {
  const parts = file.path.split('/');
  const found: { index: number; message: string }[] = [];
  for (const part of parts) {
    if (VAGUE.test(part.replace(/\..*$/, ''))) {
      found.push({ index: 0, message: `"${part}" says nothing; name the one idea in it` });
    }
  }
  const base = posix.basename(file.path);
  if (!FILE_NAME.test(base)) found.push({ index: 0, message: `${base}: file names are kebab-case nouns` });
  if (base === 'index.ts')
    found.push({ index: 0, message: 'index.ts hides what is in it; name the one idea' });
  return found;
});

export const barrels: Rule = {
  name: 'barrels',
  check: (files) =>
    files.flatMap((file) =>
      file.imports
        .filter((imported) => imported.reExport)
        .map((imported) => ({
          path: file.path,
          line: imported.line,
          rule: 'barrels',
          message: `passes on ${imported.specifier}; import a thing from where it lives`,
        })),
    ),
};

export const length = perFile('length', everywhere, (file) => {
  const lines = file.text.trimEnd().split('\n').length;
  return lines <= LINES_MAX
    ? []
    : [{ index: 0, message: `${lines} lines, ${LINES_MAX} at most: what is the second idea in it?` }];
});

export const header = perFile('header', inProduct, (file) =>
  /^(#![^\n]*\n)?\s*\/[/*]/.test(file.text)
    ? []
    : [
        {
          index: 0,
          message: 'begins without a comment; say what it is, why it is there, what it leaves to others',
        },
      ],
);

export const noAny = perFile('no-any', everywhere, (file) => [
  ...matches(
    file,
    /(?<=[:<,|&(=[]\s*|\b(?:as|extends|readonly)\s+)any\b(?=\s*(?:[;,)>|&=[\]{}]|$))/gm,
    'any switches the type checker off; unknown and a check of the shape keep it on',
  ),
  // A test may hand in half of a thing; what runs in production may not.
  ...(isTest(file.path)
    ? []
    : matches(
        file,
        /\bas\s+unknown\s+as\b/g,
        'a double assertion switches the type checker off; check the shape instead',
      )),
]);

export const silenced = perFile('silenced', everywhere, (file) =>
  file.path.startsWith('tests/house/')
    ? []
    : [...file.text.matchAll(/@ts-(ignore|nocheck|expect-error)/g)].map((match) => ({
        index: match.index,
        message: `@ts-${match[1]} hides an error; mend the type`,
      })),
);

export const swallowed = perFile('swallowed', everywhere, (file) =>
  [...file.code.matchAll(/\bcatch\s*(\([^)]*\))?\s*\{\s*\}/g)]
    .filter((match) => !/\/[/*]/.test(file.text.slice(match.index, match.index + match[0].length)))
    .map((match) => ({
      index: match.index,
      message: 'an error is swallowed; handle it, pass it on, or say here why it does not matter',
    })),
);

const inTestFiles = (file: SourceFile): boolean => isTest(file.path) && !file.path.startsWith('tests/house/');

export const reallyRun = perFile('really-run', inTestFiles, (file) => [
  ...matches(
    file,
    /\b(?:test|it|describe|suite)\s*\.\s*(?:only|skip|todo)\b/g,
    'a test that is not run proves nothing; mend it or remove it',
  ),
  ...matches(
    file,
    /\b(?:only|skip|todo)\s*:\s*true\b/g,
    'a test that is not run proves nothing; mend it or remove it',
  ),
]);

export const noSleeping = perFile('no-sleeping', inTestFiles, (file) => [
  ...matches(
    file,
    /(?<![.\w])setTimeout\b/g,
    'tests do not sleep; wait for the event, or use a virtual clock',
  ),
  ...file.imports
    .filter((imported) => imported.specifier === 'node:timers/promises')
    .map((imported) => ({
      index:
        file.text
          .split('\n')
          .slice(0, imported.line - 1)
          .join('\n').length + 1,
      message: 'tests do not sleep; wait for the event, or use a virtual clock',
    })),
]);
