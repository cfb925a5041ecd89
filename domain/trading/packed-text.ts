/**
 * Texts of hexadecimal digits as words: a UUID in four, a SHA-256 in eight. What is not written exactly so is not
 * packed, and a packed text comes out as it went in.
 */
const UUID_LENGTH = 36;
const DIGEST_LENGTH = 64;
export const UUID_WORDS = 4;
export const DIGEST_WORDS = 8;

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
 * Four digits from `high` on and four from `low` on. Each order passes a hundred digits here, so that four are read at
 * once: a byte each, first as codes, then as numbers.
 */
function wordOf(text: string, high: number, low: number): number {
  const code0 = text.charCodeAt(high);
  const code1 = text.charCodeAt(high + 1);
  const code2 = text.charCodeAt(high + 2);
  const code3 = text.charCodeAt(high + 3);
  const code4 = text.charCodeAt(low);
  const code5 = text.charCodeAt(low + 1);
  const code6 = text.charCodeAt(low + 2);
  const code7 = text.charCodeAt(low + 3);
  const left = (code0 << 24) | (code1 << 16) | (code2 << 8) | code3;
  const right = (code4 << 24) | (code5 << 16) | (code6 << 8) | code7;
  const leftDigits = digitsOf(left);
  const rightDigits = digitsOf(right);
  const codes = code0 | code1 | code2 | code3 | code4 | code5 | code6 | code7;
  wrong |= (codes & ~LAST_ASCII) | ((leftDigits | rightDigits) & 0xf0f0f0f0);
  wrong |= (left ^ codesOf(leftDigits)) | (right ^ codesOf(rightDigits));
  return (halfOf(leftDigits) << 16) | halfOf(rightDigits);
}

/** What four codes stand for if they are digits: the low bits, and nine more for a letter. */
function digitsOf(codes: number): number {
  return (codes & 0x0f0f0f0f) + Math.imul((codes >>> 6) & 0x01010101, 9);
}

/** How four digits are written: from "0" on, those above nine from "a" on. */
function codesOf(digits: number): number {
  const letters = ((digits + 0x06060606) >>> 4) & 0x01010101;
  return digits + 0x30303030 + Math.imul(letters, 39);
}

/** Four digits without the gaps between them. */
function halfOf(digits: number): number {
  const pairs = digits | (digits >>> 4);
  return ((pairs >>> 8) & 0xff00) | (pairs & 0xff);
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
