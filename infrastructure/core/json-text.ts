/**
 * Reads JSON that somebody wrote, a body or a file, more strictly than `JSON.parse`: nesting has a limit, a member named twice is refused (two
 * readers could take two different values for one order or option), and `__proto__` is not a name.
 *
 * One pass over the text before parsing; it only has to be right about valid JSON, since `JSON.parse` judges the rest.
 */
export type ReadJson =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly field: string; readonly rule: string; readonly message: string };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;

/** Index of the closing quote of the string that opens at `start`, or the text's end. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

function isMemberName(text: string, afterString: number): boolean {
  let at = afterString;
  while (at < text.length && text.charCodeAt(at) <= SPACE) at += 1;
  return text.charCodeAt(at) === COLON;
}

function memberName(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted; // Not JSON: the parse that follows refuses the whole text.
  }
}

function refusal(field: string, rule: string, message: string): ReadJson {
  return { kind: 'refused', field, rule, message };
}

/** `field` is `body` where it is all of the text. */
export function readJson(text: string, maxDepth: number): ReadJson {
  /** One set of names per open object, `null` per open array. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names !== undefined && names !== null && isMemberName(text, end + 1)) {
        const name = memberName(text.slice(at, end + 1));
        if (name === '__proto__')
          return refusal(name, 'forbiddenName', 'is not a field name that can be used');
        if (names.has(name)) return refusal(name.slice(0, 64), 'duplicate', 'is given twice');
        names.add(name);
      }
      at = end;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (open.length >= maxDepth)
        return refusal('body', 'maxDepth', `must not be nested deeper than ${maxDepth} levels`);
      open.push(code === OPEN_BRACE ? new Set() : null);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      open.pop();
    }
  }
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return refusal('body', 'json', 'must be valid JSON');
  }
}
