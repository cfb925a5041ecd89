/**
 * Texts of hexadecimal digits as words: a UUID in four, a SHA-256 in eight. What is not written exactly so is not
 * packed, and a packed text comes out as it went in.
 */
const UUID_LENGTH = 36;
const DIGEST_LENGTH = 64;
export const UUID_WORDS = 4;
export const DIGEST_WORDS = 8;

/** By character code; one sign bit tells a character that is no digit. */
const DIGIT = new Int8Array(128).fill(-128);
for (let digit = 0; digit < 16; digit += 1) DIGIT[digit.toString(16).charCodeAt(0)] = digit;
const LAST_ASCII = 127;

const HYPHEN = 45;
const HYPHENS_AFTER = [8, 12, 16, 20];

/** Writes the words, if `text` is a UUID in lower case; says whether it is. */
export function packUuid(text: string, words: Int32Array, at: number): boolean {
  if (text.length !== UUID_LENGTH) return false;
  wrong = 0;
  words[at] = wordOf(text, 0, 4);
  words[at + 1] = wordOf(text, 9, 14);
  words[at + 2] = wordOf(text, 19, 24);
  words[at + 3] = wordOf(text, 28, 32);
  return (
    wrong >= 0 &&
    text.charCodeAt(8) === HYPHEN &&
    text.charCodeAt(13) === HYPHEN &&
    text.charCodeAt(18) === HYPHEN &&
    text.charCodeAt(23) === HYPHEN
  );
}

/** The same for a SHA-256. */
export function packDigest(text: string, words: Int32Array, at: number): boolean {
  if (text.length !== DIGEST_LENGTH) return false;
  wrong = 0;
  for (let word = 0; word < DIGEST_WORDS; word += 1) words[at + word] = wordOf(text, word * 8, word * 8 + 4);
  return wrong >= 0;
}

/** Below zero once a character was no digit. */
let wrong = 0;

/** Four digits from `high` on and four from `low` on. Written out, since each order passes a hundred digits here. */
function wordOf(text: string, high: number, low: number): number {
  const code0 = text.charCodeAt(high);
  const code1 = text.charCodeAt(high + 1);
  const code2 = text.charCodeAt(high + 2);
  const code3 = text.charCodeAt(high + 3);
  const code4 = text.charCodeAt(low);
  const code5 = text.charCodeAt(low + 1);
  const code6 = text.charCodeAt(low + 2);
  const code7 = text.charCodeAt(low + 3);
  if ((code0 | code1 | code2 | code3 | code4 | code5 | code6 | code7) > LAST_ASCII) {
    wrong = -1;
    return 0;
  }
  const digit0 = DIGIT[code0] as number;
  const digit1 = DIGIT[code1] as number;
  const digit2 = DIGIT[code2] as number;
  const digit3 = DIGIT[code3] as number;
  const digit4 = DIGIT[code4] as number;
  const digit5 = DIGIT[code5] as number;
  const digit6 = DIGIT[code6] as number;
  const digit7 = DIGIT[code7] as number;
  wrong |= digit0 | digit1 | digit2 | digit3 | digit4 | digit5 | digit6 | digit7;
  return (
    (digit0 << 28) |
    (digit1 << 24) |
    (digit2 << 20) |
    (digit3 << 16) |
    (digit4 << 12) |
    (digit5 << 8) |
    (digit6 << 4) |
    digit7
  );
}

export function unpackUuid(words: Int32Array, at: number): string {
  const digits = unpack(words, at, UUID_WORDS);
  let text = '';
  let from = 0;
  for (const until of HYPHENS_AFTER) {
    text += `${digits.slice(from, until)}-`;
    from = until;
  }
  return text + digits.slice(from);
}

export function unpackDigest(words: Int32Array, at: number): string {
  return unpack(words, at, DIGEST_WORDS);
}

function unpack(words: Int32Array, at: number, count: number): string {
  let text = '';
  for (let word = at; word < at + count; word += 1) {
    text += ((words[word] as number) >>> 0).toString(16).padStart(8, '0');
  }
  return text;
}
