import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionOfKey } from './partitioner.ts';

test("murmur2 gives the values that Kafka's own tests expect", () => {
  const vectors: readonly (readonly [string, number])[] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [text, expected] of vectors) assert.equal(murmur2(Buffer.from(text, 'utf8')), expected, text);
});

test('a key goes to the positive remainder of its hash, no key to the first partition', () => {
  assert.equal(partitionOfKey('21', 7), (-973932308 & 0x7fffffff) % 7);
  assert.equal(partitionOfKey(null, 7), 0);
});
