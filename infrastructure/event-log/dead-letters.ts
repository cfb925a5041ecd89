/**
 * Dead letters: what could not be read, with the reason and the original bytes, in a topic of its own beside the
 * original's. A letter's id (the record's key) is derived from who could not read what, so a repeat is the same letter.
 *
 *   open ─retry─▶ the original bytes are appended to the original topic again   ┐ each in one transaction with
 *        ─drop──▶ nothing more happens                                          ┘ a record that marks the letter resolved
 */
import { createHash } from 'node:crypto';
import { deadLetterTopic } from '#domain/data/topics.ts';
import type { EventLog, LogRecord, NewRecord, TopicPartition } from './event-log.ts';

/** A row of a feed or file, before it became a record. */
export interface UnreadableRow {
  /** The topic it would have gone to. */
  readonly topic: string;
  /** The file or feed. */
  readonly source: string;
  readonly line: number;
  readonly bytes: Uint8Array;
}

export interface UnreadableReason {
  readonly reason: string;
  readonly errors: readonly { readonly field: string; readonly rule: string; readonly message: string }[];
}

export type LetterOrigin =
  | {
      readonly kind: 'record';
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      /** Cut if it is longer than any that the log takes. */
      readonly key: string | null;
      /** Wall clock, ms. */
      readonly appendedAtMs: number;
    }
  | { readonly kind: 'row'; readonly topic: string; readonly source: string; readonly line: number };

export interface DeadLetter extends UnreadableReason {
  readonly id: string;
  /** Who could not read it: a consumer group or a service. */
  readonly reader: string;
  readonly origin: LetterOrigin;
  /** The bytes, at most `ORIGINAL_BYTES_MAX` of them; `null` when the record had none. */
  readonly original: Uint8Array | null;
  /** How many there were. */
  readonly originalBytes: number;
  /** Wall clock of the letter, ms. */
  readonly atMs: number;
}

/** What is longer is cut; a record cut here still stands whole in its own topic. */
export const ORIGINAL_BYTES_MAX = 512 * 1024;
const ERRORS_MAX = 20;
const TEXT_MAX = 500;
const ID_MAX = 300;
/** The log takes none of more bytes; another producer may have written one that is. */
const KEY_MAX = 1_024;

function clip(text: string, length = TEXT_MAX): string {
  const clean = text.toWellFormed().replaceAll('\0', '\ufffd');
  return clean.length <= length ? clean : `${clean.slice(0, length - 1).toWellFormed()}…`;
}

function letterId(reader: string, origin: LetterOrigin, bytes: Uint8Array | null): string {
  if (origin.kind === 'record')
    return clip(`${reader}@${origin.topic}/${origin.partition}/${origin.offset}`, ID_MAX);
  const source = clip(origin.source.split('/').at(-1) ?? '', 100);
  const digest = createHash('sha256')
    .update(`${origin.topic}\n${origin.source.toWellFormed()}\n`)
    .update(bytes ?? '')
    .digest('hex')
    .slice(0, 12);
  return clip(`${reader}@${source}:${origin.line}-${digest}`, ID_MAX);
}

function originOf(unreadable: LogRecord | UnreadableRow): LetterOrigin {
  const { topic } = unreadable;
  if ('source' in unreadable)
    return { kind: 'row', topic, source: clip(unreadable.source), line: unreadable.line };
  const { partition, offset, key, appendedAtMs } = unreadable;
  const cut = key === null ? null : clip(key, KEY_MAX + 1);
  return { kind: 'record', topic, partition, offset, key: cut, appendedAtMs };
}

/** The letter about something that `reader` could not read, as a record to append. */
export function deadLetterRecord(
  unreadable: LogRecord | UnreadableRow,
  reader: string,
  failure: UnreadableReason,
): NewRecord {
  const origin = originOf(unreadable);
  const bytes = 'bytes' in unreadable ? unreadable.bytes : unreadable.value;
  const letter = {
    kind: 'letter',
    reader,
    reason: clip(failure.reason),
    errors: failure.errors
      .slice(0, ERRORS_MAX)
      .map(({ field, rule, message }) => ({ field: clip(field), rule: clip(rule), message: clip(message) })),
    origin,
    original: bytes === null ? null : Buffer.from(bytes.subarray(0, ORIGINAL_BYTES_MAX)).toString('base64'),
    originalBytes: bytes?.length ?? 0,
  };
  return {
    topic: deadLetterTopic(unreadable.topic),
    key: letterId(reader, origin, bytes),
    value: Buffer.from(JSON.stringify(letter), 'utf8'),
  };
}

function resolutionRecord(letter: DeadLetter, resolution: 'retried' | 'dropped'): NewRecord {
  return {
    topic: deadLetterTopic(letter.origin.topic),
    key: letter.id,
    value: Buffer.from(JSON.stringify({ kind: 'resolution', resolution }), 'utf8'),
  };
}

type LetterRecord =
  | { readonly kind: 'letter'; readonly letter: DeadLetter }
  | { readonly kind: 'resolution'; readonly id: string }
  | { readonly kind: 'other' };

interface LetterBody extends UnreadableReason {
  readonly kind: string;
  readonly reader: string;
  readonly origin: LetterOrigin;
  readonly original: string | null;
  readonly originalBytes: number;
}

function isLetterBody(body: object): body is LetterBody {
  return (
    'reader' in body &&
    typeof body.reader === 'string' &&
    'reason' in body &&
    typeof body.reason === 'string' &&
    'errors' in body &&
    Array.isArray(body.errors) &&
    'original' in body &&
    (body.original === null || typeof body.original === 'string') &&
    'originalBytes' in body &&
    typeof body.originalBytes === 'number' &&
    'origin' in body &&
    typeof body.origin === 'object' &&
    body.origin !== null &&
    'topic' in body.origin &&
    'kind' in body.origin
  );
}

/** What a record of a dead letter topic says. */
export function decodeLetterRecord(record: LogRecord): LetterRecord {
  if (record.value === null || record.key === null) return { kind: 'other' };
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(record.value).toString('utf8'));
  } catch {
    return { kind: 'other' };
  }
  if (typeof body !== 'object' || body === null || !('kind' in body)) return { kind: 'other' };
  if (body.kind === 'resolution') return { kind: 'resolution', id: record.key };
  if (body.kind !== 'letter' || !isLetterBody(body)) return { kind: 'other' };
  const { reader, reason, errors, origin, originalBytes } = body;
  const original = body.original === null ? null : Buffer.from(body.original, 'base64');
  return {
    kind: 'letter',
    letter: {
      id: record.key,
      reader,
      reason,
      errors,
      origin,
      original,
      originalBytes,
      atMs: record.appendedAtMs,
    },
  };
}

const RECORDS_PER_READ = 500;

async function* scan(log: EventLog, place: TopicPartition, fromOffset: number): AsyncGenerator<LogRecord> {
  let offset = fromOffset;
  for (;;) {
    const records = await log.read({ ...place, offset }, RECORDS_PER_READ);
    yield* records;
    const last = records.at(-1);
    if (last === undefined) return;
    offset = last.offset + 1;
  }
}

/** Of what there may be letters: the names of the originals' topics. */
export async function topicsWithDeadLetters(log: EventLog): Promise<readonly string[]> {
  const suffix = deadLetterTopic('');
  const names = (await log.topics()).map(({ name }) => name).filter((name) => name.endsWith(suffix));
  return names.map((name) => name.slice(0, -suffix.length)).sort();
}

async function deadLetterPartitions(
  log: EventLog,
  topic: string | undefined,
): Promise<readonly TopicPartition[]> {
  const names = await topicsWithDeadLetters(log);
  const wanted = topic === undefined ? names : names.filter((name) => name === topic);
  const extents = await Promise.all(wanted.map((name) => log.extents(deadLetterTopic(name))));
  return extents.flat();
}

/**
 * The open letters, oldest first within each topic, at most `limit`; of `topic` (the original's name) only, when given;
 * with `after`, a letter's id, those behind it: the next page.
 */
export async function openDeadLetters(
  log: EventLog,
  query: { readonly topic?: string; readonly after?: string; readonly limit: number },
): Promise<readonly DeadLetter[]> {
  const open: DeadLetter[] = [];
  let begun = query.after === undefined;
  for (const place of await deadLetterPartitions(log, query.topic)) {
    const closed = new Set<string>();
    for await (const record of scan(log, place, 0)) {
      const read = decodeLetterRecord(record);
      if (read.kind === 'resolution') closed.add(read.id);
    }
    for await (const record of scan(log, place, 0)) {
      if (open.length >= query.limit) return open;
      if (!begun) {
        begun = record.key === query.after;
        if (begun && record.key !== null) closed.add(record.key);
        continue;
      }
      const read = decodeLetterRecord(record);
      if (read.kind !== 'letter' || closed.has(read.letter.id)) continue;
      open.push(read.letter);
      // A repeat of the same letter is listed once.
      closed.add(read.letter.id);
    }
  }
  return open;
}

type Found =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'resolved' }
  | { readonly kind: 'open'; readonly letter: DeadLetter };

async function find(log: EventLog, id: string): Promise<Found> {
  let letter: DeadLetter | null = null;
  for (const place of await deadLetterPartitions(log, undefined)) {
    for await (const record of scan(log, place, 0)) {
      if (record.key !== id) continue;
      const read = decodeLetterRecord(record);
      if (read.kind === 'resolution') return { kind: 'resolved' };
      if (read.kind === 'letter') letter ??= read.letter;
    }
  }
  return letter === null ? { kind: 'unknown' } : { kind: 'open', letter };
}

/** One letter, open or resolved; `null` when there is none. */
export async function findDeadLetter(log: EventLog, id: string): Promise<DeadLetter | null> {
  for (const place of await deadLetterPartitions(log, undefined)) {
    for await (const record of scan(log, place, 0)) {
      if (record.key !== id) continue;
      const read = decodeLetterRecord(record);
      if (read.kind === 'letter') return read.letter;
    }
  }
  return null;
}

export type ResolveOutcome =
  | { readonly kind: 'resolved' }
  | { readonly kind: 'unknown-letter' }
  | { readonly kind: 'already-resolved' }
  | { readonly kind: 'not-retryable'; readonly reason: string }
  /** Somebody else is resolving letters at this moment; nothing happened here. */
  | { readonly kind: 'overtaken' };

/** Retries or drops an open letter. Of two at the same time one is told `overtaken`. */
export async function resolveDeadLetter(
  log: EventLog,
  id: string,
  action: 'retry' | 'drop',
): Promise<ResolveOutcome> {
  // Opened before looking, so that whoever looks later fences this one.
  const producer = await log.openProducer('dead-letters');
  try {
    const found = await find(log, id);
    if (found.kind === 'unknown') return { kind: 'unknown-letter' };
    if (found.kind === 'resolved') return { kind: 'already-resolved' };
    const records: NewRecord[] = [resolutionRecord(found.letter, action === 'retry' ? 'retried' : 'dropped')];
    if (action === 'retry') {
      const again = await originalAgain(log, found.letter);
      if (again.kind === 'not-retryable') return again;
      records.unshift(again.record);
    }
    const outcome = await producer.commit({ records });
    return outcome.kind === 'committed' ? { kind: 'resolved' } : { kind: 'overtaken' };
  } finally {
    await producer.close();
  }
}

async function originalAgain(
  log: EventLog,
  letter: DeadLetter,
): Promise<
  | { readonly kind: 'record'; readonly record: NewRecord }
  | { readonly kind: 'not-retryable'; readonly reason: string }
> {
  const { origin } = letter;
  if (origin.kind === 'row') {
    return {
      kind: 'not-retryable',
      reason: `it is a row of ${origin.source}, not a record: correct the file and replay it`,
    };
  }
  const spec = (await log.topics()).find(({ name }) => name === origin.topic);
  if (spec === undefined)
    return { kind: 'not-retryable', reason: `there is no topic ${origin.topic} any more` };
  if (spec.cleanup.kind === 'compact') {
    return {
      kind: 'not-retryable',
      reason: `${origin.topic} keeps only the last state of a key, and this one may be older`,
    };
  }
  if (origin.key !== null && origin.key.length > KEY_MAX)
    return { kind: 'not-retryable', reason: 'its key is longer than the log takes' };
  let { original } = letter;
  if (letter.originalBytes > ORIGINAL_BYTES_MAX) {
    const [record] = await log.read(origin, 1);
    if (record?.offset !== origin.offset)
      return { kind: 'not-retryable', reason: 'its bytes were cut, and the record has expired' };
    original = record.value;
  }
  const { topic, partition, key } = origin;
  return { kind: 'record', record: { topic, partition, key, value: original } };
}
