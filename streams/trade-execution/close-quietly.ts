/** Closing what is being given up: it may be gone already, and then nobody needs to know. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';

export async function closeQuietly(closable: { close(): Promise<void> } | null | undefined): Promise<void> {
  try {
    await closable?.close();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
  }
}
