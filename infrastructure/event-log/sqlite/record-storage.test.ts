/** That values read from the file are those that were written, however many are read at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

const value = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(new Uint8Array(), new Uint8Array([0]), new Uint8Array([255, 0, 254])),
  ),
);

test('bytes come back as they were, with zeros in them, empty or absent, in pages of any size', async () => {
  const under = await openSqliteLogUnderTest();
  try {
    await under.log.ensureTopics([
      { name: 'states', partitions: 1, cleanup: { kind: 'compact', tombstoneMs: 1 }, sealed: false },
    ]);
    let { log } = under;
    let written = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 400, size: 'max' }),
        fc.integer({ min: 1, max: 500 }),
        async (values, pageRecords) => {
          const from = written;
          written += values.length;
          await log.append(
            values.map((bytes, at) => ({ topic: 'states', partition: 0, key: `${from + at}`, value: bytes })),
          );
          // Opened again, it holds nothing in memory and reads the file.
          log = await under.reopen();
          const read: (Uint8Array | null)[] = [];
          for (let offset = from; offset < written; ) {
            const page = await log.read({ topic: 'states', partition: 0, offset }, pageRecords);
            assert.equal(page.length, Math.min(pageRecords, written - offset));
            for (const record of page) {
              assert.equal(record.offset, offset);
              assert.equal(record.key, `${offset}`);
              read.push(record.value === null ? null : new Uint8Array(record.value));
              offset += 1;
            }
          }
          assert.deepEqual(
            read,
            values.map((bytes) => (bytes === null ? null : new Uint8Array(bytes))),
          );
        },
      ),
      { numRuns: 60 },
    );
  } finally {
    await under.dispose();
  }
});

test('values longer together than what is read at a stretch, and one longer by itself, come back as they were', async () => {
  const under = await openSqliteLogUnderTest({ maxRecordBytes: 1_000_000 });
  try {
    await under.log.ensureTopics([
      { name: 'states', partitions: 1, cleanup: { kind: 'compact', tombstoneMs: 1 }, sealed: false },
    ]);
    const lengths = [100_000, 100_000, null, 70_000, 0, 600_000, 1, null, 256 * 1024, 5, null];
    const values = lengths.map((length, at) =>
      length === null ? null : new Uint8Array(length).fill(at + 1),
    );
    await under.log.append(
      values.map((value, at) => ({ topic: 'states', partition: 0, key: `${at}`, value })),
    );
    const log = await under.reopen();
    for (const maxRecords of [100, 4, 1]) {
      const read: (Uint8Array | null)[] = [];
      while (read.length < values.length) {
        const from = { topic: 'states', partition: 0, offset: read.length };
        const page = await log.read(from, maxRecords);
        assert.ok(page.length > 0);
        for (const { value } of page) read.push(value === null ? null : new Uint8Array(value));
      }
      assert.deepEqual(read, values, `${maxRecords} at a time`);
    }
  } finally {
    await under.dispose();
  }
});

test('records that were packed are read from the file from any offset, in pages of any size', async () => {
  const under = await openSqliteLogUnderTest();
  try {
    await under.log.ensureTopics([RETAINED]);
    // Runs of one record and of many, small and large: rows of both kinds beside one another.
    const runs = [600, 1, 3, 40, 129, 7, 200, 1, 1_060];
    const written: string[] = [];
    for (const [number, run] of runs.entries()) {
      const texts = Array.from({ length: run }, (_, at) => `${number}/${at} `.repeat(number === 3 ? 1 : 60));
      await under.log.append(
        texts.map((text, at) => record('orders', 1, text, at % 3 === 0 ? null : `k${at}`)),
      );
      written.push(...texts);
    }
    const log = await under.reopen();
    for (const pageRecords of [1, 2, 64, 127, 500, 2_000]) {
      for (let offset = 0; offset < written.length; ) {
        const page = await log.read({ topic: 'orders', partition: 1, offset }, pageRecords);
        assert.equal(page.length, Math.min(pageRecords, written.length - offset));
        for (const read of page) {
          assert.equal(read.offset, offset);
          assert.equal(textOf(read), written[offset]);
          offset += 1;
        }
      }
    }
  } finally {
    await under.dispose();
  }
});
