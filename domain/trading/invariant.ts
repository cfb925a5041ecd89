/** Assertions of the core: they find bugs, stay on in production, and never judge input. */

export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

export function invariant(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new InvariantViolation(sentence);
}
