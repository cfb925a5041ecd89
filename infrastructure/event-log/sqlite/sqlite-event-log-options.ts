/** What the embedded log is opened with, its limits among them. */
import type { Logger } from '#infrastructure/core/log.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { LogSync } from './log-sync.ts';

export interface SqliteEventLogOptions {
  readonly directory: string;
  readonly runtime: Runtime;
  readonly logger: Logger;
  /** Of key and value together. */
  readonly maxRecordBytes?: number;
  /** Waiting to be written; what comes on top is refused with `LOG_UNAVAILABLE`. Also the limits of one write. */
  readonly maxQueuedRecords?: number;
  readonly maxQueuedBytes?: number;
  /** The size of the log's file; appends past it are refused with `LOG_FULL`. */
  readonly maxLogBytes?: number;
  /** How long a group waits for a member to acknowledge a revocation before its partitions count as lost. */
  readonly handOverMs?: number;
  /** In place of the disk's own, to stand for a disk that is slow or fails. */
  readonly openSync?: (directory: string) => LogSync;
}
