/** What the suites of the event log share: the log under test, its topics, records as text. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { EventLog, LogRecord, NewRecord, TopicSpec } from './event-log.ts';

/** A log opened for one test, with nothing in it. */
export interface LogUnderTest {
  readonly log: EventLog;
  /** Closes the log and opens it again, as after a restart. */
  reopen(): Promise<EventLog>;
  /** Lets wall-clock time go by for the log. */
  pass(durationMs: number): void;
  nowMs(): number;
  /** Of key and value together, as this log was opened. */
  readonly maxRecordBytes: number;
  /** Closes the log and removes what it stored. */
  dispose(): Promise<void>;
}

export const RETAINED: TopicSpec = {
  name: 'orders',
  partitions: 3,
  cleanup: { kind: 'retain', retentionMs: 'forever' },
  sealed: true,
};
export const EXPIRING: TopicSpec = {
  name: 'prices',
  partitions: 1,
  cleanup: { kind: 'retain', retentionMs: 1000 },
  sealed: true,
};
export const COMPACTED: TopicSpec = {
  name: 'states',
  partitions: 3,
  cleanup: { kind: 'compact', tombstoneMs: 1000 },
  sealed: false,
};

export function record(
  topic: string,
  partition: number,
  text: string | null,
  key: string | null = null,
): NewRecord {
  return { topic, partition, key, value: text === null ? null : Buffer.from(text, 'utf8') };
}

/** `log` with other members in place of its own, for what a test wants to fail or to see. */
export function logWith(log: EventLog, others: Partial<EventLog>): EventLog {
  return new Proxy(log, {
    get(target, name) {
      const member: unknown = Reflect.get(name in others ? others : target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

export function textOf(read: LogRecord): string | null {
  return read.value === null ? null : Buffer.from(read.value).toString('utf8');
}

export function failsWith(code: string, retry: OperatingError['retry']): (error: unknown) => boolean {
  return (error) => error instanceof OperatingError && error.code === code && error.retry === retry;
}
