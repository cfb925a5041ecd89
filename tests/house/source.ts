/**
 * Source files as the house rules see them: raw text, the same text without comments and the contents of strings, and
 * the imports. Deliberately no compiler: a rule that depends on one passes when the compiler sees nothing.
 */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

export interface Import {
  /** From 1. */
  readonly line: number;
  readonly specifier: string;
  /** The file of ours it leads to, as a path from the root; `null` for Node and packages. */
  readonly target: string | null;
  readonly reExport: boolean;
}

export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** As long as `text`: comments and the contents of strings, templates and regular expressions are blanks. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export const SOURCE_FOLDERS = [
  'bin',
  'commands',
  'composition',
  'domain',
  'infrastructure',
  'scripts',
  'services',
  'streams',
  'tests',
];

export function readRepository(root: string): readonly SourceFile[] {
  return globSync(`{${SOURCE_FOLDERS.join(',')}}/**/*.ts`, { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => parseSource(path, readFileSync(posix.join(root, path), 'utf8')));
}

export function parseSource(path: string, text: string): SourceFile {
  const code = maskSource(text);
  return { path, text, code, imports: findImports(path, text, code) };
}

/** Tests, contract suites and benches are held to fewer rules than what runs in production. */
export function isTest(path: string): boolean {
  return path.startsWith('tests/') || /\.(test|contract|bench|testing)\.ts$/.test(path);
}

export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

const IMPORT = /\b(import|export)\b[^'"`;]*?\bfrom\s*(['"])|\bimport\s*\(\s*(['"])|\bimport\s*(['"])/g;

function findImports(path: string, text: string, code: string): readonly Import[] {
  return [...code.matchAll(IMPORT)].map((match) => {
    const start = match.index + match[0].length;
    const quote = match[2] ?? match[3] ?? match[4] ?? "'";
    const specifier = text.slice(start, code.indexOf(quote, start));
    const target = specifier.startsWith('#')
      ? specifier.slice(1)
      : specifier.startsWith('.')
        ? posix.join(posix.dirname(path), specifier)
        : null;
    return { line: lineAt(text, start), specifier, target, reExport: match[1] === 'export' };
  });
}

/** A slash after one of these begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield))\s*$/;

/** Blanks comments and the contents of literals; keeps quotes and line ends, so that places stay what they are. */
export function maskSource(text: string): string {
  const out = text.split('');
  const blank = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) if (out[index] !== '\n') out[index] = ' ';
  };
  /** Brace depths at which a `${` of a template ends. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const endOfTemplatePart = (from: number): number => {
    let index = from;
    while (index < text.length) {
      if (text[index] === '\\') index += 2;
      else if (text[index] === '`') return index;
      else if (text.startsWith('${', index)) return index;
      else index += 1;
    }
    return index;
  };
  const template = (from: number): number => {
    const end = endOfTemplatePart(from);
    blank(from, end);
    if (text[end] !== '$') return end + 1;
    templates.push(depth);
    depth += 1;
    return end + 2;
  };
  while (at < text.length) {
    const here = text[at];
    if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) {
      const end = indexOrEnd(text, '\n', at);
      blank(at, end);
      at = end;
    } else if (text.startsWith('/*', at)) {
      const end = Math.min(indexOrEnd(text, '*/', at + 2) + 2, text.length);
      blank(at, end);
      at = end;
    } else if (here === "'" || here === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== here && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
      blank(at + 1, end);
      at = end + 1;
    } else if (here === '`') {
      at = template(at + 1);
    } else if (here === '{') {
      depth += 1;
      at += 1;
    } else if (here === '}') {
      depth -= 1;
      at += 1;
      if (templates.at(-1) === depth) {
        templates.pop();
        at = template(at);
      }
    } else if (here === '/' && BEFORE_REGEX.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      const end = endOfRegex(text, at);
      blank(at + 1, end);
      at = end + 1;
    } else {
      at += 1;
    }
  }
  return out.join('');
}

function indexOrEnd(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from);
  return index === -1 ? text.length : index;
}

function endOfRegex(text: string, from: number): number {
  let inClass = false;
  for (let index = from + 1; index < text.length; index += 1) {
    const here = text[index];
    if (here === '\n') return index;
    if (here === '\\') index += 1;
    else if (here === '[') inClass = true;
    else if (here === ']') inClass = false;
    else if (here === '/' && !inClass) return index;
  }
  return text.length;
}
