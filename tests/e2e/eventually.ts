/** Waits for something outside this process to become true, the only waiting that end-to-end tests do. */
// house: allow no-sleeping — another process is asked again and again; there is no event to wait for
import { setTimeout as pause } from 'node:timers/promises';

/** Asks `probe` until it answers something else than `null`; fails with the sentence after `deadlineMs`. */
export async function eventually<Answer>(
  sentence: string,
  probe: () => Promise<Answer | null>,
  deadlineMs = 60_000,
): Promise<Answer> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer !== null) return answer;
    if (performance.now() > until)
      throw new Error(`within ${deadlineMs} ms it did not become true that ${sentence}`);
    await pause(20);
  }
}
