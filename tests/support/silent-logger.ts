/** A log that nobody reads, for what is tested by what it does. */
import type { Logger } from '#infrastructure/core/log.ts';

export const SILENT: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => SILENT,
};
