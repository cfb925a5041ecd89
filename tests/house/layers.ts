/** Who may import whom, as ARCHITECTURE.md says it. Type-only imports count: they are dependencies too. */
import type { Rule, Violation } from './judge.ts';
import { isTest, type SourceFile } from './source.ts';

const NOT_PORTS = new Set(['core', 'common', 'platform']);

/**
 * The place of a file in the house: `domain/data`, `port:cache`, `adapter:cache/memory`, `services/order`,
 * `composition` …
 */
export function zoneOf(path: string): string {
  const [top = '', second = '', third = '', fourth] = path.split('/');
  if (top === 'infrastructure') {
    if (NOT_PORTS.has(second)) return `infrastructure/${second}`;
    return fourth === undefined && third.includes('.') ? `port:${second}` : `adapter:${second}/${third}`;
  }
  return ['domain', 'services', 'streams', 'workers'].includes(top) ? `${top}/${second}` : top;
}

const DOMAIN_BELOW: Readonly<Record<string, readonly string[]>> = {
  'domain/data': [],
  'domain/trading': ['domain/data'],
};

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const [kind = ''] = from.split(/[/:]/);
  switch (kind) {
    case 'domain':
      return (DOMAIN_BELOW[from] ?? []).includes(to);
    case 'infrastructure':
    case 'port':
    case 'adapter': {
      if (['domain/data', 'infrastructure/core', 'infrastructure/common'].includes(to)) return true;
      const port = from.slice('adapter:'.length).split('/')[0] ?? '';
      // Adapters of one port may share what is theirs, such as the queries of two SQL dialects.
      return kind === 'adapter' && (to === `port:${port}` || to.startsWith(`adapter:${port}/`));
    }
    case 'services':
    case 'streams':
    case 'workers':
      return to.startsWith('domain/') || to.startsWith('port:') || to.startsWith('infrastructure/');
    case 'composition':
      return !['commands', 'bin', 'tests', 'scripts'].includes(to);
    case 'commands':
      return (
        to.startsWith('domain/') ||
        to.startsWith('port:') ||
        to.startsWith('infrastructure/') ||
        to === 'composition'
      );
    case 'bin':
      return to === 'commands' || to === 'infrastructure/core';
    default:
      return false;
  }
}

const BETTER: Readonly<Record<string, string>> = {
  domain: 'the domain is pure and imports only the domain below it; pass the value in',
  infrastructure: 'infrastructure knows of the domain only domain/data, and of itself only core and common',
  port: 'a port imports core, common and domain/data; not other ports, and never its adapters',
  adapter: 'an adapter imports its own port and that port’s folders, core, common and domain/data',
  services:
    'services meet only through the log, the stores and HTTP: take a port in <Name>Ports, let composition wire it',
  streams:
    'streams meet others only through the log and the stores: take a port in <Name>Ports, let composition wire it',
  composition: 'composition wires parts; it does not know commands, tests or scripts',
  commands:
    'commands use composition, ports, infrastructure and the domain; put the wiring into composition/',
  bin: 'bin only hands over to commands/',
  scripts: 'scripts stand alone: they must run before anything else works',
};

export const layers: Rule = {
  name: 'layers',
  check: (files) =>
    files.flatMap((file) =>
      file.imports.flatMap((imported): readonly Violation[] => {
        const { target } = imported;
        if (target === null || !target.endsWith('.ts')) return [];
        const wrong = (message: string): Violation => ({
          path: file.path,
          line: imported.line,
          rule: 'layers',
          message,
        });
        if (!files.some((candidate) => candidate.path === target)) return [wrong(`${target} does not exist`)];
        if (isTest(file.path)) return [];
        if (file.path.startsWith('commands/bench/') && target.endsWith('.bench.ts')) return [];
        if (isTest(target))
          return [wrong(`imports ${target}, which is for tests; what both need belongs into the product`)];
        const from = zoneOf(file.path);
        const to = zoneOf(target);
        if (mayImport(from, to)) return [];
        return [
          wrong(
            `${from} imports ${target} (${to}): ${BETTER[from.split(/[/:]/)[0] ?? ''] ?? 'unknown place'}`,
          ),
        ];
      }),
    ),
};

/** Reports each circle once, at its first file by name. */
export const cycles: Rule = {
  name: 'cycles',
  check: (files) => {
    const byPath = new Map(files.map((file) => [file.path, file]));
    const done = new Set<string>();
    const violations: Violation[] = [];
    const visit = (file: SourceFile, trail: readonly SourceFile[]): void => {
      const seenAt = trail.indexOf(file);
      if (seenAt !== -1) {
        const circle = [...trail.slice(seenAt), file].map((member) => member.path);
        const previous = trail.at(-1) ?? file;
        const line = previous.imports.find((imported) => imported.target === file.path)?.line ?? 1;
        violations.push({
          path: previous.path,
          line,
          rule: 'cycles',
          message: `imports go round: ${circle.join(' → ')}; move what both need into a file of its own`,
        });
        return;
      }
      if (done.has(file.path)) return;
      for (const imported of file.imports) {
        const next = imported.target === null ? undefined : byPath.get(imported.target);
        if (next !== undefined) visit(next, [...trail, file]);
      }
      done.add(file.path);
    };
    for (const file of files) visit(file, []);
    return violations;
  },
};
