/** Account ids as they are typed. */
import { UsageError } from './terminal.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Throws a `UsageError` that says what one looks like. */
export function assertAccountId(text: string): void {
  if (!UUID.test(text)) throw new UsageError(`"${text}" is no account id: it is a UUID in lower case.`);
}
