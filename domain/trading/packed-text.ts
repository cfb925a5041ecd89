/**
 * Texts of hexadecimal digits as words: a UUID in four, a SHA-256 in eight. What is not written exactly so is not
 * packed, and a packed text comes out as it went in.
 */
const UUID_LENGTH = 36;
const DIGEST_LENGTH = 64;
export const UUID_WORDS = 4;
export const DIGEST_WORDS = 8;

const LAST_ASCII = 127;
const LAST_BYTE = 255;
const LAST_PAIR = 2 ** 14 - 1;

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
    wrong === 0 &&
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
  return wrong === 0;
}

/** Not zero once a character was no digit. */
let wrong = 0;

/**
 * What two digits stand for, by their codes side by side; -1 for what are none. Each order passes a hundred digits here,
 * and of the table only the lines of pairs of digits, some 2 kB, are ever read.
 */
const PAIRS = new Int16Array(LAST_PAIR + 1).fill(-1);
for (let byte = 0; byte <= LAST_BYTE; byte += 1) {
  const digits = byte.toString(16).padStart(2, '0');
  PAIRS[pairOf(digits.charCodeAt(0), digits.charCodeAt(1))] = byte;
}

function pairOf(left: number, right: number): number {
  return ((left << 7) | right) & LAST_PAIR;
}

/** Four digits from `high` on and four from `low` on. */
function wordOf(text: string, high: number, low: number): number {
  const code0 = text.charCodeAt(high);
  const code1 = text.charCodeAt(high + 1);
  const code2 = text.charCodeAt(high + 2);
  const code3 = text.charCodeAt(high + 3);
  const code4 = text.charCodeAt(low);
  const code5 = text.charCodeAt(low + 1);
  const code6 = text.charCodeAt(low + 2);
  const code7 = text.charCodeAt(low + 3);
  const byte0 = PAIRS[pairOf(code0, code1)] as number;
  const byte1 = PAIRS[pairOf(code2, code3)] as number;
  const byte2 = PAIRS[pairOf(code4, code5)] as number;
  const byte3 = PAIRS[pairOf(code6, code7)] as number;
  const codes = code0 | code1 | code2 | code3 | code4 | code5 | code6 | code7;
  wrong |= (codes & ~LAST_ASCII) | ((byte0 | byte1 | byte2 | byte3) & ~LAST_BYTE);
  return (byte0 << 24) | (byte1 << 16) | (byte2 << 8) | byte3;
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
