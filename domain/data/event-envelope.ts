/**
 * The envelope that every event wears on every topic, as JSON in UTF-8.
 *
 * ```
 * {eventType, eventId, cause, eventTimestamp, ingestTimestamp?, sourceService, schemaVersion, sequence?,
 *  payload, traceContext?}
 * ```
 * `cause` is null on what comes from outside. A reader ignores fields that it does not know and every 1.x
 * version is readable, since fields are only ever added. The trace context is for tracing alone: a broken one
 * never makes a record unreadable.
 */
import { type FieldReader, isWireObject, type WireObject } from './field-reader.ts';
import {
  beginRecord,
  endRecord,
  fieldName,
  literal,
  MARK,
  madeOnce,
  writeInteger,
  writeJson,
  writeLiteral,
  writeMark,
  writeText,
  writeTimestamp,
} from './record-writer.ts';

export const SCHEMA_VERSION = '1.0';
export const MAX_RECORD_BYTES = 1_048_576;
const MAX_SERVICE_LENGTH = 100;
const MAX_TYPE_LENGTH = 200;
const KNOWN_VERSION = /^1\.[0-9]{1,4}$/;

/** What an encoder is told besides the event itself. */
export interface EventContext {
  readonly sourceService: string;
  /** W3C. */
  readonly traceparent?: string;
}

export interface EnvelopeFields {
  readonly eventType: string;
  readonly eventId: string;
  readonly cause: string | null;
  readonly timeMs: number;
  /** Wall clock, ms. */
  readonly ingestTimeMs: number | null;
  readonly sequence: number | null;
}

export interface OpenedEnvelope extends EnvelopeFields {
  /** As written, so that a payload's own copy can be compared without being parsed again. */
  readonly eventTimestamp: unknown;
  readonly payload: WireObject;
}

const CAUSE = fieldName('cause');
const EVENT_TIMESTAMP = fieldName('eventTimestamp');
const INGEST_TIMESTAMP = fieldName('ingestTimestamp');
const NO_CAUSE = literal(',"cause":null');
const SEQUENCE = fieldName('sequence');
const PAYLOAD = fieldName('payload');
const openingOf = madeOnce((eventType) => literal(`{"eventType":"${eventType}","eventId":`));
const sourceOf = madeOnce((service) =>
  literal(`,"sourceService":${quote(service)},"schemaVersion":"${SCHEMA_VERSION}"`),
);

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NEEDS_ESCAPE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;

/** `text` as a JSON string. */
export function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** JSON in UTF-8. */
export function toBytes(json: string): Uint8Array {
  beginRecord();
  writeJson(json);
  return endRecord();
}

/** Begins a record and writes it up to its payload, which the caller writes before `endEnvelope`. */
export function beginEnvelope(fields: EnvelopeFields, context: EventContext): void {
  const { cause, ingestTimeMs, sequence } = fields;
  beginRecord();
  writeLiteral(openingOf(fields.eventType));
  writeText(fields.eventId);
  if (cause === null) {
    writeLiteral(NO_CAUSE);
  } else {
    writeLiteral(CAUSE);
    writeText(cause);
  }
  writeLiteral(EVENT_TIMESTAMP);
  writeTimestamp(fields.timeMs);
  if (ingestTimeMs !== null) {
    writeLiteral(INGEST_TIMESTAMP);
    writeTimestamp(ingestTimeMs);
  }
  writeLiteral(sourceOf(context.sourceService));
  if (sequence !== null) {
    writeLiteral(SEQUENCE);
    writeInteger(sequence);
  }
  writeLiteral(PAYLOAD);
}

export function endEnvelope(context: EventContext): Uint8Array {
  if (context.traceparent !== undefined) {
    writeJson(',"traceContext":{"traceparent":');
    writeText(context.traceparent);
    writeMark(MARK.closeObject);
  }
  writeMark(MARK.closeObject);
  return endRecord();
}

/** The text of a record; `null` with an issue noted when it is too long or not UTF-8. */
export function toText(bytes: Uint8Array, reader: FieldReader): string | null {
  if (bytes.length > MAX_RECORD_BYTES) {
    reader.issue('', 'maxBytes', `must have at most ${MAX_RECORD_BYTES} bytes`);
    return null;
  }
  try {
    return decoder.decode(bytes);
  } catch {
    reader.issue('', 'utf8', 'must be UTF-8');
    return null;
  }
}

/** JSON in UTF-8, an object, of bounded size; `null` with an issue noted when it is not. */
export function parseWireObject(bytes: Uint8Array, reader: FieldReader): WireObject | null {
  const text = toText(bytes, reader);
  return text === null ? null : parseWireText(text, reader);
}

function parseWireText(text: string, reader: FieldReader): WireObject | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    reader.issue('', 'json', 'must be JSON');
    return null;
  }
  if (isWireObject(parsed)) return parsed;
  reader.issue('', 'type', 'must be a JSON object');
  return null;
}

export function checkSchemaVersion(version: unknown, reader: FieldReader): void {
  if (version === SCHEMA_VERSION || (typeof version === 'string' && KNOWN_VERSION.test(version))) return;
  reader.issue('schemaVersion', 'enum', 'must be 1.0 or a later 1.x');
}

/** Reads the envelope; leaves `reader.base` at `payload.`. `null` when there is no envelope to read at all. */
export function openEnvelope(bytes: Uint8Array, reader: FieldReader): OpenedEnvelope | null {
  const text = toText(bytes, reader);
  return text === null ? null : openEnvelopeText(text, reader);
}

/** The same of a record whose text has been taken already. */
export function openEnvelopeText(text: string, reader: FieldReader): OpenedEnvelope | null {
  const record = parseWireText(text, reader);
  if (record === null) return null;
  checkSchemaVersion(record['schemaVersion'], reader);
  reader.text(record['sourceService'], 'sourceService', MAX_SERVICE_LENGTH);
  const eventTimestamp = record['eventTimestamp'];
  const ingestTimestamp = record['ingestTimestamp'];
  const sequence = record['sequence'];
  const cause = record['cause'];
  const opened: OpenedEnvelope = {
    eventType: reader.text(record['eventType'], 'eventType', MAX_TYPE_LENGTH),
    eventId: reader.id(record['eventId'], 'eventId'),
    cause: cause === null || cause === undefined ? null : reader.id(cause, 'cause'),
    timeMs: reader.timestampMs(eventTimestamp, 'eventTimestamp'),
    ingestTimeMs:
      ingestTimestamp === undefined || ingestTimestamp === null
        ? null
        : reader.timestampMs(ingestTimestamp, 'ingestTimestamp'),
    sequence: sequence === undefined || sequence === null ? null : reader.integer(sequence, 'sequence', 0),
    eventTimestamp,
    payload: reader.object(record['payload'], 'payload'),
  };
  reader.base = 'payload.';
  return opened;
}

/** Notes an issue when the payload's own time is missing or another than the envelope's. */
export function requireSameTime(
  value: unknown,
  name: string,
  envelope: OpenedEnvelope,
  reader: FieldReader,
): void {
  if (value === envelope.eventTimestamp) return;
  if (reader.timestampMs(value, name) !== envelope.timeMs) {
    reader.issue(name, 'equal', 'must be the time that eventTimestamp gives');
  }
}

/** Notes an issue for an envelope field that this kind of event cannot do without. */
export function requirePresent<T>(value: T | null, field: string, placeholder: T, reader: FieldReader): T {
  if (value !== null) return value;
  reader.envelopeIssue(field, 'required', 'is required');
  return placeholder;
}
