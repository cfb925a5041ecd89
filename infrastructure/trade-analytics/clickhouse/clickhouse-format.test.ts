import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayDropWrites } from './clickhouse-format.ts';

const SHAPE = 'PARTITION BY toYYYYMMDD(executionTimestamp) ORDER BY eventId SETTINGS';
const REPLICATED = `ReplicatedReplacingMergeTree('/tables/{shard}', '{replica}') ${SHAPE}`;

test('a table may drop writes where it has a deduplication window, which a replicated one has unless it says 0', () => {
  const may = [
    `ReplacingMergeTree ${SHAPE} non_replicated_deduplication_window = 1000, index_granularity = 8192`,
    `${REPLICATED} index_granularity = 8192`,
    `${REPLICATED} replicated_deduplication_window = 100`,
    `SharedReplacingMergeTree ${SHAPE} index_granularity = 8192`,
  ];
  const mayNot = [
    `ReplacingMergeTree ${SHAPE} index_granularity = 8192`,
    `ReplacingMergeTree ${SHAPE} non_replicated_deduplication_window = 0, index_granularity = 8192`,
    `${REPLICATED} replicated_deduplication_window = 0`,
  ];
  assert.deepEqual(
    may.map(mayDropWrites),
    may.map(() => true),
  );
  assert.deepEqual(
    mayNot.map(mayDropWrites),
    mayNot.map(() => false),
  );
});
