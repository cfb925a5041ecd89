/**
 * Reads what `strace -f -s …` wrote: each system call twice, when it began and when it had ended.
 *
 * strace holds a thread at both moments while it writes, so the order of the lines is the order of what happened; only
 * calls that were under way at the same time have no order, and so neither has the disk.
 */
import assert from 'node:assert/strict';

export interface SystemCall {
  readonly moment: 'begun' | 'ended';
  readonly thread: string;
  readonly name: string;
  /** As strace wrote it, between the parentheses. Of a call that began, what is known by then. */
  readonly words: string;
  /** `null` when it began, and where it never returned. */
  readonly result: number | null;
}

const CALL = /^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()/;
const UNFINISHED = ' <unfinished ...>';

export function* systemCalls(trace: string): Generator<SystemCall> {
  const underWay = new Map<string, string>();
  for (let start = 0; start < trace.length; ) {
    const newline = trace.indexOf('\n', start);
    // The last line may be cut off.
    if (newline === -1) return;
    const line = trace.slice(start, newline);
    start = newline + 1;
    const head = CALL.exec(line);
    if (head === null) continue; // Signals and exits.
    const [begin = '', thread = '', resumed, called] = head;
    const rest = line.slice(begin.length);
    if (called !== undefined && rest.endsWith(UNFINISHED)) {
      const words = rest.slice(0, -UNFINISHED.length);
      underWay.set(thread, words);
      yield { moment: 'begun', thread, name: called, words, result: null };
      continue;
    }
    const equals = rest.lastIndexOf(' = ');
    assert.ok(equals >= 0, `a line of strace that is not understood: ${line.slice(0, 200)}`);
    const before = rest.slice(0, rest.lastIndexOf(')', equals));
    const words = called === undefined ? `${underWay.get(thread) ?? ''}${before}` : before;
    const result = Number.parseInt(rest.slice(equals + 3), 10);
    const name = called ?? resumed ?? '';
    if (called !== undefined) yield { moment: 'begun', thread, name, words, result: null };
    underWay.delete(thread);
    yield { moment: 'ended', thread, name, words, result: Number.isNaN(result) ? null : result };
  }
}

/** The words at the top level: `3, "a, b", [{…}], 0` are four. */
export function splitWords(words: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < words.length; at += 1) {
    const code = words.charCodeAt(at);
    if (code === QUOTE) at = endOfText(words, at);
    else if (code === OPEN_LIST || code === OPEN_STRUCTURE) depth += 1;
    else if (code === CLOSE_LIST || code === CLOSE_STRUCTURE) depth -= 1;
    else if (code === COMMA && depth === 0) {
      parts.push(words.slice(start, at));
      start = at + 2;
    }
  }
  if (start < words.length) parts.push(words.slice(start));
  return parts;
}

/** All texts in `word`, one after the other: of a buffer, a path, or a list of buffers. */
export function bytesOf(word: string): Buffer {
  const bytes = Buffer.alloc(word.length);
  let length = 0;
  for (let at = word.indexOf('"'); at !== -1; at = word.indexOf('"', at)) {
    const end = endOfText(word, at);
    assert.ok(!word.startsWith('...', end + 1), 'strace cut a text off: -s is too small');
    for (at += 1; at < end; at += 1) {
      let code = word.charCodeAt(at);
      if (code === BACKSLASH) {
        at += 1;
        const escaped = word.charCodeAt(at);
        if (escaped >= DIGIT_0 && escaped <= DIGIT_7) {
          code = escaped - DIGIT_0;
          for (let digits = 1; digits < 3; digits += 1) {
            const next = word.charCodeAt(at + 1);
            if (!(next >= DIGIT_0 && next <= DIGIT_7)) break;
            code = code * 8 + next - DIGIT_0;
            at += 1;
          }
        } else {
          code = ESCAPED.get(escaped) ?? escaped;
        }
      }
      bytes[length] = code;
      length += 1;
    }
    at = end + 1;
  }
  return bytes.subarray(0, length);
}

/** Of the closing quote. */
function endOfText(words: string, openingQuote: number): number {
  for (let at = openingQuote + 1; at < words.length; at += 1) {
    const code = words.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return assert.fail('a text of strace does not end');
}

const [QUOTE, BACKSLASH, COMMA, DIGIT_0, DIGIT_7] = [0x22, 0x5c, 0x2c, 0x30, 0x37];
const [OPEN_LIST, CLOSE_LIST, OPEN_STRUCTURE, CLOSE_STRUCTURE] = [0x5b, 0x5d, 0x7b, 0x7d];
const ESCAPED: ReadonlyMap<number, number> = new Map(
  Object.entries({ n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }).map(([letter, character]) => [
    letter.charCodeAt(0),
    character.charCodeAt(0),
  ]),
);
