/**
 * Applies rules and their escapes.
 *
 * A line may be excused from one rule by a comment on it or on the line above, with a reason:
 * `// house: allow <rule> — <reason>`. An excuse without a reason, of an unknown rule, or that excuses nothing is
 * itself a violation.
 */
import type { SourceFile } from './source.ts';

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  /** What is wrong, and the better way. */
  readonly message: string;
}

export interface Rule {
  readonly name: string;
  check(files: readonly SourceFile[]): readonly Violation[];
}

interface Excuse {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly reason: string;
}

const EXCUSE = /\/\/ house: allow ([a-z-]+)(.*)$/;
const REASON = /^ — (.{12,})$/;

export function judge(files: readonly SourceFile[], rules: readonly Rule[]): readonly Violation[] {
  if (files.length === 0) {
    return [
      {
        path: '.',
        line: 0,
        rule: 'something-to-read',
        message: 'no source file was seen; the check would pass blindly',
      },
    ];
  }
  const excuses = files.flatMap(excusesIn);
  const used = new Set<Excuse>();
  const found = rules.flatMap((rule) => rule.check(files));
  const standing = found.filter((violation) => {
    const excuse = excuses.find(
      (candidate) =>
        candidate.path === violation.path &&
        candidate.rule === violation.rule &&
        (candidate.line === violation.line || candidate.line === violation.line - 1),
    );
    if (excuse !== undefined) used.add(excuse);
    return excuse === undefined;
  });
  const badExcuses = excuses.flatMap((excuse) => {
    const wrong = (message: string): Violation => ({
      path: excuse.path,
      line: excuse.line,
      rule: 'excuse',
      message,
    });
    if (!rules.some((rule) => rule.name === excuse.rule))
      return [wrong(`there is no house rule "${excuse.rule}"`)];
    if (!REASON.test(excuse.reason))
      return [wrong('say why: // house: allow <rule> — <reason of a dozen characters>')];
    if (!used.has(excuse)) return [wrong(`nothing here breaks "${excuse.rule}"; take the comment away`)];
    return [];
  });
  return [...standing, ...badExcuses].sort((a, b) =>
    a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line,
  );
}

function excusesIn(file: SourceFile): readonly Excuse[] {
  if (file.path.startsWith('tests/house/')) return [];
  return file.text.split('\n').flatMap((line, index) => {
    const match = EXCUSE.exec(line);
    return match === null
      ? []
      : [{ path: file.path, line: index + 1, rule: match[1] ?? '', reason: match[2] ?? '' }];
  });
}

export function describe(violation: Violation): string {
  return `${violation.path}:${violation.line} [${violation.rule}] ${violation.message}`;
}
