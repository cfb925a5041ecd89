/**
 * Texts of hexadecimal digits as words: a UUID in four, a SHA-256 in eight. What is not written exactly so is not
 * packed, and a packed text comes out as it went in.
 */
const UUID_LENGTH = 36;
const DIGEST_LENGTH = 64;
export const UUID_WORDS = 4;
export const DIGEST_WORDS = 8;

const NO_DIGIT = 16;
const DIGIT = new Uint8Array(256).fill(NO_DIGIT);
for (let digit = 0; digit < 16; digit += 1) DIGIT[digit.toString(16).charCodeAt(0)] = digit;

const HYPHEN = 45;
const HYPHENS_AFTER = [8, 12, 16, 20];

/** Writes the words, if `text` is a UUID in lower case; says whether it is. */
export function packUuid(text: string, words: Int32Array, at: number): boolean {
  if (text.length !== UUID_LENGTH) return false;
  // A wrong character sets a bit that no digit has.
  const first = wordOf(text, 0);
  const second = (halfOf(text, 9) << 16) | (halfOf(text, 14) & 0xffff);
  const third = (halfOf(text, 19) << 16) | (halfOf(text, 24) & 0xffff);
  const fourth = wordOf(text, 28);
  const hyphens =
    text.charCodeAt(8) === HYPHEN &&
    text.charCodeAt(13) === HYPHEN &&
    text.charCodeAt(18) === HYPHEN &&
    text.charCodeAt(23) === HYPHEN;
  words[at] = first;
  words[at + 1] = second;
  words[at + 2] = third;
  words[at + 3] = fourth;
  return hyphens && allDigits();
}

/** The same for a SHA-256. */
export function packDigest(text: string, words: Int32Array, at: number): boolean {
  if (text.length !== DIGEST_LENGTH) return false;
  for (let word = 0; word < DIGEST_WORDS; word += 1) words[at + word] = wordOf(text, word * 8);
  return allDigits();
}

let wrong = 0;

/** Whether all since the last question were digits. */
function allDigits(): boolean {
  const none = (wrong & NO_DIGIT) === 0;
  wrong = 0;
  return none;
}

function digitAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const digit = code < 256 ? (DIGIT[code] as number) : NO_DIGIT;
  wrong |= digit;
  return digit;
}

function halfOf(text: string, at: number): number {
  return (
    (digitAt(text, at) << 12) |
    (digitAt(text, at + 1) << 8) |
    (digitAt(text, at + 2) << 4) |
    digitAt(text, at + 3)
  );
}

function wordOf(text: string, at: number): number {
  return (halfOf(text, at) << 16) | (halfOf(text, at + 4) & 0xffff);
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
