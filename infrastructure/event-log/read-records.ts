/** Decodes a batch of records for a reader: what cannot be read goes to the dead letters, durably, before the rest. */
import type { Decoded } from '#domain/data/decoded.ts';
import { deadLetterRecord, type UnreadableReason } from './dead-letters.ts';
import type { EventLog, LogRecord, NewRecord } from './event-log.ts';

export interface ReadRecord<Value> {
  readonly record: LogRecord;
  readonly value: Value;
}

const NO_VALUE: UnreadableReason = {
  reason: 'the record has no value',
  errors: [{ field: '', rule: 'required', message: 'is required' }],
};

/** The decoded value, or why there is none; a record without a value is unreadable. */
export function readValue<Value>(
  record: LogRecord,
  decode: (bytes: Uint8Array) => Decoded<Value>,
): Decoded<Value> {
  return record.value === null ? { kind: 'unreadable', ...NO_VALUE } : decode(record.value);
}

/** A repeat writes the same letters again, under the same ids. */
export async function readRecords<Value>(
  log: EventLog,
  reader: string,
  records: readonly LogRecord[],
  decode: (bytes: Uint8Array) => Decoded<Value>,
): Promise<readonly ReadRecord<Value>[]> {
  const read: ReadRecord<Value>[] = [];
  const letters: NewRecord[] = [];
  for (const record of records) {
    const decoded = readValue(record, decode);
    if (decoded.kind === 'decoded') read.push({ record, value: decoded.value });
    else letters.push(deadLetterRecord(record, reader, decoded));
  }
  if (letters.length > 0) await log.append(letters);
  return read;
}
