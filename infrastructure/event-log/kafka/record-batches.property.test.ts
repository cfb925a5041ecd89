/** What a reader of committed records sees, against a model of a partition and of the broker that answers from it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compressionsAlgorithmsByBitmask, crc32c } from '@platformatic/kafka';
import fc from 'fast-check';
import type { SealedRecord } from '../seal.ts';
import {
  type AbortedTransaction,
  type BatchCodec,
  CommittedRecords,
  type FetchedBatches,
  UnreadableBatch,
} from './record-batches.ts';

const CODEC: BatchCodec = {
  crc32c: (bytes) => crc32c(bytes),
  decompress: (kind, bytes) => compressionsAlgorithmsByBitmask[kind]?.decompressSync(bytes) ?? null,
};
const KINDS = [0, 1, 2, 3, 4] as const;
const [APPEND_TIME, TRANSACTIONAL, CONTROL] = [8, 16, 32];
const BASE_MS = 1_700_000_000_000;

interface Written {
  readonly key: string | null;
  readonly value: Uint8Array | null;
  readonly timeMs: number;
  /** Offsets that compaction has emptied before it. */
  readonly holes: number;
  readonly headers: number;
}

interface Batch {
  readonly first: number;
  readonly last: number;
  readonly bytes: Buffer;
  readonly records: readonly SealedRecord[];
  /** That it is part of. */
  readonly transaction: Transaction | null;
}

interface Transaction {
  readonly first: number;
  /** Of its marker; open without one. */
  marker: number | null;
  aborted: boolean;
}

function varint(value: number): Buffer {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  const bytes: number[] = [];
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.of(...bytes, rest);
}

function field(bytes: Uint8Array | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
}

function encodeRecord(
  timeDelta: number,
  offsetDelta: number,
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: number,
): Buffer {
  const header = [field(Buffer.from('name')), field(null)];
  const parts = [
    Buffer.of(0),
    varint(timeDelta),
    varint(offsetDelta),
    field(key),
    field(value),
    varint(headers),
  ];
  const body = Buffer.concat([...parts, ...Array.from({ length: headers }, () => header).flat()]);
  return Buffer.concat([varint(body.length), body]);
}

function encodeBatch(
  first: number,
  lastDelta: number,
  attributes: number,
  producer: bigint,
  times: { readonly first: number; readonly last: number },
  records: readonly Buffer[],
): Buffer {
  const plain = Buffer.concat(records);
  const body = compressionsAlgorithmsByBitmask[attributes & 7]?.compressSync(plain) ?? plain;
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(BigInt(first), 0);
  head.writeInt32BE(head.length - 12 + body.length, 8);
  head[16] = 2;
  head.writeInt16BE(attributes, 21);
  head.writeInt32BE(lastDelta, 23);
  head.writeBigInt64BE(BigInt(times.first), 27);
  head.writeBigInt64BE(BigInt(times.last), 35);
  head.writeBigInt64BE(producer, 43);
  head.writeInt32BE(records.length, 57);
  const batch = Buffer.concat([head, body]);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

/** A partition as its leader has it. */
class Partition {
  readonly batches: Batch[] = [];
  readonly #open = new Map<bigint, Transaction>();
  readonly #ended: { readonly producerId: bigint; readonly transaction: Transaction }[] = [];
  end = 0;

  write(
    written: readonly Written[],
    kind: number,
    appendTime: boolean,
    producer: bigint,
    isTransactional: boolean,
  ): void {
    const first = this.end;
    const lastMs = BASE_MS + 77_777;
    const records: SealedRecord[] = [];
    const encoded = written.map(({ key, value, timeMs, holes, headers }): Buffer => {
      const offset = this.end + holes;
      records.push({ offset, appendedAtMs: appendTime ? lastMs : timeMs, key, value });
      this.end = offset + 1;
      return encodeRecord(
        timeMs - BASE_MS,
        offset - first,
        key === null ? null : Buffer.from(key),
        value,
        headers,
      );
    });
    let transaction: Transaction | null = null;
    if (isTransactional) {
      transaction = this.#open.get(producer) ?? { first, marker: null, aborted: false };
      this.#open.set(producer, transaction);
    }
    const attributes = kind | (appendTime ? APPEND_TIME : 0) | (isTransactional ? TRANSACTIONAL : 0);
    const times = { first: BASE_MS, last: lastMs };
    const bytes = encodeBatch(first, this.end - 1 - first, attributes, producer, times, encoded);
    this.batches.push({ first, last: this.end - 1, bytes, records, transaction });
  }

  finishAll(aborted: boolean): void {
    for (const producer of [...this.#open.keys()]) this.finish(producer, aborted);
  }

  finish(producer: bigint, aborted: boolean): void {
    const transaction = this.#open.get(producer);
    if (transaction === undefined) return;
    this.#open.delete(producer);
    transaction.aborted = aborted;
    transaction.marker = this.end;
    if (aborted) this.#ended.push({ producerId: producer, transaction });
    const key = Buffer.of(0, 0, 0, aborted ? 0 : 1);
    const times = { first: BASE_MS, last: BASE_MS };
    const marker = encodeRecord(0, 0, key, Buffer.alloc(6), 0);
    const bytes = encodeBatch(this.end, 0, TRANSACTIONAL | CONTROL, producer, times, [marker]);
    this.batches.push({ first: this.end, last: this.end, bytes, records: [], transaction: null });
    this.end += 1;
  }

  get stableEnd(): number {
    return Math.min(this.end, ...[...this.#open.values()].map(({ first }) => first));
  }

  /** `count` batches from the one on that holds `from`, and the first bytes of the next. */
  fetch(from: number, count: number, piece: number): FetchedBatches {
    const there = this.batches.filter(({ first, last }) => last >= from && first < this.stableEnd);
    const whole = there.slice(0, count);
    const upTo = whole.at(-1)?.last ?? from;
    const aborted = this.#ended
      .filter(({ transaction }) => (transaction.marker ?? 0) >= from && transaction.first <= upTo)
      .map(
        ({ producerId, transaction }): AbortedTransaction => ({ producerId, firstOffset: transaction.first }),
      )
      // In no order that anybody promises.
      .reverse();
    const cut = there[count]?.bytes ?? Buffer.alloc(0);
    const bytes = [...whole.map((batch) => batch.bytes), cut.subarray(0, Math.min(piece, cut.length - 1))];
    return { bytes: Buffer.concat(bytes), aborted };
  }

  committedFrom(from: number): readonly SealedRecord[] {
    return this.batches
      .filter(({ first, transaction }) => first < this.stableEnd && transaction?.aborted !== true)
      .flatMap(({ records }) => records)
      .filter(({ offset }) => offset >= from);
  }
}

const written: fc.Arbitrary<Written> = fc.record({
  key: fc.option(fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 4 }))),
  value: fc.option(fc.uint8Array({ maxLength: 200 })),
  timeMs: fc.integer({ min: -1, max: 2 * BASE_MS }),
  holes: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 3 })),
  headers: fc.nat({ max: 2 }),
});
const producer = fc.bigInt({ min: 1n, max: 3n });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('transactional'), producer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('plain'), producer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort'), producer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('commit'), producer }) },
);

describe('what a reader of committed records sees', () => {
  test('is all that was committed or written without a transaction, once and in order, however it is fetched', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            step,
            fc.array(written, { minLength: 1, maxLength: 4 }),
            fc.constantFrom(...KINDS),
            fc.boolean(),
          ),
          { maxLength: 30 },
        ),
        fc.infiniteStream(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat({ max: 100 }))),
        fc.nat({ max: 20 }),
        fc.constantFrom('open', 'commit', 'abort'),
        (steps, answers, start, left) => {
          const partition = new Partition();
          for (const [{ kind, producer: own }, records, compression, appendTime] of steps) {
            if (kind === 'transactional') partition.write(records, compression, appendTime, own, true);
            else if (kind === 'plain') partition.write(records, compression, appendTime, own, false);
            else partition.finish(own, kind === 'abort');
          }
          if (left !== 'open') partition.finishAll(left === 'abort');
          const from = Math.min(start, partition.stableEnd);
          const seen: SealedRecord[] = [];
          let next = from;
          while (next < partition.stableEnd) {
            const [count, piece] = answers.next().value;
            const read = new CommittedRecords(partition.fetch(next, count, piece), next, CODEC);
            seen.push(...read);
            assert(read.next > next, 'every answer with a whole batch leads on');
            next = read.next;
          }
          assert.deepEqual(seen.map(comparable), partition.committedFrom(from).map(comparable));
          assert.equal(next, partition.stableEnd);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('is nothing new where an answer holds no whole batch', () => {
    const { bytes } = onePlain();
    for (const length of [0, 10, 60, bytes.length - 1]) {
      const read = new CommittedRecords({ bytes: bytes.subarray(0, length), aborted: [] }, 0, CODEC);
      assert.deepEqual([...read], []);
      assert.equal(read.next, 0);
    }
  });

  test('is nothing where bytes are not what was written', () => {
    for (const kind of KINDS) {
      const { bytes } = onePlain(kind);
      for (let at = 21; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        assert.throws(() => readAll(changed), UnreadableBatch);
      }
    }
  });

  test('is nothing where a producer wrote what is no batch, though its checksum holds', () => {
    const times = { first: 0, last: 0 };
    const record = encodeRecord(0, 0, null, Buffer.from('a value'), 0);
    const wrong = [
      encodeBatch(0, 1, 0, -1n, times, [record, Buffer.alloc(0)]),
      encodeBatch(0, 0, 0, -1n, times, [record.subarray(0, 8)]),
      encodeBatch(0, 0, 7, -1n, times, [record]),
      encodeBatch(0, 0, TRANSACTIONAL | CONTROL, 1n, times, [record]),
    ];
    for (const bytes of wrong) assert.throws(() => readAll(bytes), UnreadableBatch);
    const garbled = Buffer.from(encodeBatch(0, 0, 1, -1n, times, [record]));
    garbled.fill(0xff, 61);
    garbled.writeUInt32BE(crc32c(garbled.subarray(21)), 17);
    assert.throws(() => readAll(garbled), UnreadableBatch);
  });
});

function readAll(bytes: Buffer): readonly SealedRecord[] {
  return [...new CommittedRecords({ bytes, aborted: [] }, 0, CODEC)];
}

function onePlain(kind = 0): Batch {
  const partition = new Partition();
  const value = Buffer.from('a value, a value, a value');
  partition.write([{ key: 'a key', value, timeMs: BASE_MS, holes: 0, headers: 0 }], kind, false, -1n, false);
  const [batch] = partition.batches;
  assert(batch !== undefined);
  return batch;
}

function comparable({ offset, appendedAtMs, key, value }: SealedRecord): unknown {
  return [offset, appendedAtMs, key, value === null ? null : Buffer.from(value).toString('hex')];
}
