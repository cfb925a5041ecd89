/** That what is read from memory is what was pushed, and that memory is kept within its limit over all partitions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogRecord } from '../event-log.ts';
import { RecordTail, TailMemory } from './record-tail.ts';

const VALUE_BYTES = 700;
/** With what comes beside a value, ten records. */
const BYTES_MAX = 10_000;

function record(partition: number, offset: number): LogRecord {
  const value = new Uint8Array(VALUE_BYTES);
  return { topic: 't', partition, offset, key: null, value, appendedAtMs: 0 };
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ partition: fc.nat(2), push: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ partition: fc.nat(2), skip: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ partition: fc.nat(2), clear: fc.constant(true) }) },
  { weight: 2, arbitrary: fc.record({ partition: fc.nat(2), taken: fc.nat(4) }) },
);

test('a tail holds its last records without a hole, and all tails together no more than they may', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = new TailMemory(BYTES_MAX);
      const tails = [0, 1, 2].map(() => ({ tail: new RecordTail(memory), all: [] as LogRecord[], next: 0 }));
      for (const taken of steps) {
        const one = tails[taken.partition];
        assert.ok(one !== undefined);
        if ('clear' in taken) {
          one.tail.clear();
        } else if ('taken' in taken) {
          const below = one.next - taken.taken;
          const wanted = one.all.filter(({ offset }) => offset >= below);
          const before = wanted.map(({ offset }) => one.tail.read(offset, 1));
          one.tail.dropBelow(below);
          assert.deepEqual(
            wanted.map(({ offset }) => one.tail.read(offset, 1)),
            before,
            'nothing goes that is still to be read',
          );
        } else if ('skip' in taken) {
          one.next += taken.skip;
        } else {
          const records = Array.from({ length: taken.push }, (_, at) =>
            record(taken.partition, one.next + at),
          );
          one.next += taken.push;
          one.all.push(...records);
          one.tail.push(records);
        }
        let held = 0;
        for (const { tail, all, next } of tails) {
          for (const { offset } of all) {
            const read = tail.read(offset, 100);
            if (read === null) continue;
            held = read[0]?.offset === offset ? held + 1 : held;
            const expected = all.filter((each) => each.offset >= offset);
            assert.deepEqual(read, expected, 'up to the last one');
            assert.deepEqual(tail.read(offset, 1), expected.slice(0, 1));
          }
          assert.equal(tail.read(next, 100), null);
        }
        assert.ok(held <= 10, `${held} records are held`);
      }
    }),
  );
});

test('the oldest go first, in whatever partition they lie', () => {
  const memory = new TailMemory(BYTES_MAX);
  const [quiet, busy] = [new RecordTail(memory), new RecordTail(memory)];
  quiet.push([record(0, 0)]);
  for (let offset = 0; offset < 9; offset += 1) busy.push([record(1, offset)]);
  assert.notEqual(quiet.read(0, 1), null);
  busy.push([record(1, 9)]);
  assert.equal(quiet.read(0, 1), null, 'a quiet topic keeps nothing that is old');
  assert.equal(busy.read(9, 1)?.[0]?.offset, 9);
});

test('what its readers have taken makes room for what others have not', () => {
  const memory = new TailMemory(BYTES_MAX);
  const [slow, busy] = [new RecordTail(memory), new RecordTail(memory)];
  slow.push([record(0, 0)]);
  for (let offset = 0; offset < 40; offset += 1) {
    busy.push([record(1, offset)]);
    busy.dropBelow(offset);
  }
  assert.equal(slow.read(0, 1)?.[0]?.offset, 0);
  assert.equal(busy.read(38, 1), null);
  assert.equal(busy.read(39, 1)?.[0]?.offset, 39);
});
