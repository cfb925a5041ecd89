/**
 * Batches of records as a broker hands them over (Kafka's message format 2), and which of their records a reader of committed
 * records sees. Pure.
 *
 * A broker hands over everything up to the last stable offset, with a list of the transactions in it that were aborted: from
 * the first offset named there on, what their producers wrote in transactions is skipped until the marker of their abort.
 */
import type { SealedRecord } from '../seal.ts';

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** What a broker answered for one partition. */
export interface FetchedBatches {
  /** Whole batches, and perhaps a piece of one more. The first may begin before what was asked for. */
  readonly bytes: Buffer;
  readonly aborted: readonly AbortedTransaction[];
}

/** What the protocol's client knows of batches. */
export interface BatchCodec {
  crc32c(bytes: Buffer): number;
  /** `null` for a kind that nobody knows; throws where that is not what the bytes are. */
  decompress(kind: number, bytes: Buffer): Buffer | null;
}

/** Bytes that are not what a broker may send. */
export class UnreadableBatch extends Error {}

/** `length` counts from behind itself. */
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_AT = 23;
const FIRST_TIME_AT = 27;
const LAST_TIME_AT = 35;
const PRODUCER_AT = 43;
const COUNT_AT = 57;
const RECORDS_AT = 61;

const FORMAT = 2;
const COMPRESSION = 0b111;
const APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

/** Of a marker's key: two bytes of a version, then which one it is. */
const MARKER_AT = 2;
const ABORT = 0;

/** At or above `from`, in their order. Going through them throws an `UnreadableBatch`. */
export class CommittedRecords implements Iterable<SealedRecord> {
  readonly #fetched: FetchedBatches;
  readonly #from: number;
  readonly #codec: BatchCodec;
  #next: number;

  constructor(fetched: FetchedBatches, from: number, codec: BatchCodec) {
    this.#fetched = fetched;
    this.#from = from;
    this.#codec = codec;
    this.#next = from;
  }

  /** Where to go on after all of them: behind the last whole batch, whatever was in it. */
  get next(): number {
    return this.#next;
  }

  *[Symbol.iterator](): Generator<SealedRecord> {
    const { bytes, aborted } = this.#fetched;
    const codec = this.#codec;
    const waiting = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset);
    const aborting = new Set<bigint>();
    for (const batch of wholeBatches(bytes)) {
      const attributes = batch.readInt16BE(ATTRIBUTES_AT);
      const lastOffset = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(LAST_OFFSET_AT);
      const producer = batch.readBigInt64BE(PRODUCER_AT);
      for (let [first] = waiting; first !== undefined && first.firstOffset <= lastOffset; [first] = waiting) {
        aborting.add(first.producerId);
        waiting.shift();
      }
      if ((attributes & CONTROL) !== 0) {
        if (isAbort(batch, codec)) aborting.delete(producer);
      } else if ((attributes & TRANSACTIONAL) === 0 || !aborting.has(producer)) {
        for (const record of recordsOf(batch, codec)) if (record.offset >= this.#from) yield record;
      }
      this.#next = Math.max(this.#next, lastOffset + 1);
    }
  }
}

function* wholeBatches(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at + RECORDS_AT <= bytes.length; ) {
    const end = at + LENGTH_AT + 4 + bytes.readInt32BE(at + LENGTH_AT);
    if (end > bytes.length) return;
    if (end < at + RECORDS_AT) throw new UnreadableBatch('a batch is shorter than its head');
    yield bytes.subarray(at, end);
    at = end;
  }
}

function isAbort(batch: Buffer, codec: BatchCodec): boolean {
  const records = new RecordReader(batch, codec);
  if (!records.next() || records.key === null || records.key.length < MARKER_AT + 2)
    throw new UnreadableBatch('a marker does not say which one it is');
  return records.key.readInt16BE(MARKER_AT) === ABORT;
}

function* recordsOf(batch: Buffer, codec: BatchCodec): Generator<SealedRecord> {
  const records = new RecordReader(batch, codec);
  while (records.next()) {
    const { offset, appendedAtMs, key, value } = records;
    yield { offset, appendedAtMs, key: key === null ? null : key.toString(), value };
  }
}

/** Goes from record to record of one batch. */
class RecordReader {
  offset = 0;
  appendedAtMs = 0;
  key: Buffer | null = null;
  value: Buffer | null = null;
  readonly #bytes: Buffer;
  readonly #firstOffset: number;
  readonly #firstTime: number;
  /** Of all records, where the broker gave them theirs. */
  readonly #time: number | null;
  #left: number;
  #at = 0;

  constructor(batch: Buffer, codec: BatchCodec) {
    if (batch[MAGIC_AT] !== FORMAT) throw new UnreadableBatch(`a batch has format ${batch[MAGIC_AT]}`);
    if (codec.crc32c(batch.subarray(ATTRIBUTES_AT)) !== batch.readUInt32BE(CRC_AT))
      throw new UnreadableBatch('a batch has another checksum than its bytes');
    const attributes = batch.readInt16BE(ATTRIBUTES_AT);
    this.#bytes = unpacked(attributes & COMPRESSION, batch.subarray(RECORDS_AT), codec);
    this.#firstOffset = Number(batch.readBigInt64BE(0));
    this.#firstTime = Number(batch.readBigInt64BE(FIRST_TIME_AT));
    this.#time = (attributes & APPEND_TIME) === 0 ? null : Number(batch.readBigInt64BE(LAST_TIME_AT));
    this.#left = batch.readInt32BE(COUNT_AT);
  }

  next(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    const length = this.#varint();
    const end = this.#at + length;
    // The attributes of a record are unused.
    this.#at += 1;
    const timeDelta = this.#varint();
    this.appendedAtMs = this.#time ?? this.#firstTime + timeDelta;
    this.offset = this.#firstOffset + this.#varint();
    this.key = this.#field();
    this.value = this.#field();
    // Its headers are nobody's here.
    this.#at = end;
    return true;
  }

  #field(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const from = this.#at;
    this.#at = from + length;
    if (this.#at > this.#bytes.length) throw endsEarly();
    return this.#bytes.subarray(from, this.#at);
  }

  /** Zigzag: the lowest bit is the sign. Exact for what fits into 52 bits, as offsets and times do. */
  #varint(): number {
    let byte = this.#byte();
    let value = byte & 0x7f;
    for (let unit = 0x80; byte > 0x7f; unit *= 0x80) {
      byte = this.#byte();
      value += (byte & 0x7f) * unit;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw endsEarly();
    this.#at += 1;
    return byte;
  }
}

function unpacked(kind: number, bytes: Buffer, codec: BatchCodec): Buffer {
  if (kind === 0) return bytes;
  let records: Buffer | null;
  try {
    records = codec.decompress(kind, bytes);
  } catch (cause) {
    throw new UnreadableBatch('a batch cannot be decompressed', { cause });
  }
  if (records === null) throw new UnreadableBatch(`a batch is compressed in an unknown way (${kind})`);
  return records;
}

function endsEarly(): UnreadableBatch {
  return new UnreadableBatch('a batch ends before its last record does');
}
