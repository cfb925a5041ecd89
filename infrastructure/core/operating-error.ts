/**
 * An operating error: something outside the program failed. Bugs are assertions, expected outcomes are values.
 *
 * `retry` says what a caller may do: `retry` (nothing happened), `never` (it would fail again), or `unknown`
 * (it may have happened: only a repeat under the same id is safe).
 */
export class OperatingError extends Error {
  readonly code: string;
  readonly retry: 'retry' | 'never' | 'unknown';

  constructor(
    code: string,
    message: string,
    options: { readonly retry: 'retry' | 'never' | 'unknown'; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OperatingError';
    this.code = code;
    this.retry = options.retry;
  }
}
