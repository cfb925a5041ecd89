/**
 * The file of an exported log: lines of JSON (NDJSON), gzipped when its name ends with `.gz`.
 *
 *   {"format":"tradehall-log","version":1}
 *   {"topic":{…}}        each topic, as its specification
 *   {"partition":{…}}    each partition: firstOffset, nextOffset, chainHash
 *   {"head":{…}}         the heads kept outside the log
 *   {"position":{…}}     each position committed by a group
 *   {"producer":{…}}     each transactional id's epoch
 *   {"record":{…}}       each record, by partition, in offset order; the value is base64
 *   {"end":{"records":N,"sha256":"…"}}   how many records, and the digest of every byte before this line
 *
 * Hashes are base64url, the digest is hexadecimal. Unknown members are refused: a file that says more than the
 * reader knows was written by a newer version.
 */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

export const EXPORT_FORMAT = 'tradehall-log';
export const EXPORT_VERSION = 1;

/** A value of the largest record in base64, and room for the rest of its line. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024;

const closed = { additionalProperties: false };
const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const HashText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const Name = Type.String({ pattern: '^[A-Za-z0-9._-]{1,249}$' });
const Place = { topic: Name, partition: Offset };

const Cleanup = Type.Union([
  Type.Object(
    { kind: Type.Literal('retain'), retentionMs: Type.Union([Offset, Type.Literal('forever')]) },
    closed,
  ),
  Type.Object({ kind: Type.Literal('compact'), tombstoneMs: Offset }, closed),
]);

const line = {
  topic: Type.Object(
    {
      name: Name,
      partitions: Type.Integer({ minimum: 1, maximum: 8192 }),
      cleanup: Cleanup,
      sealed: Type.Boolean(),
    },
    closed,
  ),
  partition: Type.Object({ ...Place, firstOffset: Offset, nextOffset: Offset, chainHash: HashText }, closed),
  head: Type.Object({ ...Place, nextOffset: Offset, chainHash: HashText }, closed),
  position: Type.Object({ group: Type.String({ minLength: 1 }), ...Place, offset: Offset }, closed),
  producer: Type.Object({ transactionalId: Type.String({ minLength: 1 }), epoch: Offset }, closed),
  record: Type.Object(
    {
      ...Place,
      offset: Offset,
      key: Type.Union([Type.String(), Type.Null()]),
      value: Type.Union([Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }), Type.Null()]),
      appendedAtMs: Offset,
      check: Type.Union([Offset, Type.Null()]),
    },
    closed,
  ),
  end: Type.Object({ records: Offset, sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }, closed),
};

export const HeaderLine = Compile(
  Type.Object({ format: Type.Literal(EXPORT_FORMAT), version: Type.Integer({ minimum: 1 }) }, closed),
);

export const EXPORT_LINES = {
  topic: Compile(line.topic),
  partition: Compile(line.partition),
  head: Compile(line.head),
  position: Compile(line.position),
  producer: Compile(line.producer),
  record: Compile(line.record),
  end: Compile(line.end),
};

export type ExportLine =
  | { readonly kind: 'topic'; readonly body: Static<typeof line.topic> }
  | { readonly kind: 'partition'; readonly body: Static<typeof line.partition> }
  | { readonly kind: 'head'; readonly body: Static<typeof line.head> }
  | { readonly kind: 'position'; readonly body: Static<typeof line.position> }
  | { readonly kind: 'producer'; readonly body: Static<typeof line.producer> }
  | { readonly kind: 'record'; readonly body: Static<typeof line.record> };
