/** Turns a store that cannot be reached into an answer that says so and when to come back. */
import type { HttpResult } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';

/** `what` is read: a phrase such as `trade history`. */
export type Guard = (what: string, read: () => Promise<HttpResult>) => Promise<HttpResult>;

const RETRY_AFTER_SECONDS = 2;

export function createGuard(logger: Logger): Guard {
  return async (what, read) => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ what, code: error.code, error: error.message }, 'a query could not be answered');
      return problemResult('DEPENDENCY_UNAVAILABLE', `The ${what} cannot be read at the moment.`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
  };
}
