/**
 * Words of free text, the same for what is stored and what is asked, so that matching is ours and not a
 * tokenizer's: a word is a run of letters and digits, in any script, without case.
 */
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

export function searchWords(text: string): readonly string[] {
  return text.normalize('NFKC').toLowerCase().match(WORD) ?? [];
}
