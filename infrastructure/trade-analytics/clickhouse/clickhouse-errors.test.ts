/** What is said of ClickHouse's errors. Those of one that fails for real are in clickhouse-trade-analytics.clickhouse.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClickHouseError } from '@clickhouse/client';
import { classifyClickHouseError } from './clickhouse-errors.ts';

test('one that does not know what the queries ask for is too old, and says which version is needed', () => {
  for (const [code, type] of [
    ['115', 'UNKNOWN_SETTING'],
    ['46', 'UNKNOWN_FUNCTION'],
  ] as const) {
    const error = new ClickHouseError({ code, type, message: `${type} final` });
    const failure = classifyClickHouseError(error);
    assert.deepEqual([failure?.code, failure?.retry], ['STORE_VERSION', 'never']);
    assert.match(failure?.reason ?? '', /^is too old: version 22\.11 or newer is needed/);
  }
});

test('one that has no room for a query is no outage, so that others are put to it', () => {
  for (const [code, type] of [
    ['202', 'TOO_MANY_SIMULTANEOUS_QUERIES'],
    ['241', 'MEMORY_LIMIT_EXCEEDED'],
    ['252', 'TOO_MANY_PARTS'],
  ] as const) {
    const failure = classifyClickHouseError(new ClickHouseError({ code, type, message: 'said so' }));
    assert.deepEqual([failure?.retry, failure?.answered], ['retry', true], type);
  }
});
