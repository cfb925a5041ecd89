/** A start that must not succeed. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { OperatingError } from '#infrastructure/core/operating-error.ts';

/** What ended it, as a failure with a sentence and not as a bug. */
export async function refusalOf(opening: Promise<{ close?(): Promise<void> }>): Promise<OperatingError> {
  const error = await opening.then(
    (opened) => opened.close?.(),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OperatingError, `no operating error: ${inspect(error)}`);
  return error;
}
