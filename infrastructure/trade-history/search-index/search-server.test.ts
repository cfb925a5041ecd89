import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifySearchError, SearchServerError } from './search-server.ts';

test('a disk past its watermark is a full store, whichever status the server gives it; other refusals are what they are', () => {
  const told = (status: number, type: string) => {
    const failure = classifySearchError(new SearchServerError(status, type, 'why', null));
    return [failure?.code, failure?.retry];
  };
  // By a person or an older server, and by the flood stage.
  assert.deepEqual(told(403, 'cluster_block_exception'), ['STORE_FULL', 'retry']);
  assert.deepEqual(told(429, 'cluster_block_exception'), ['STORE_FULL', 'retry']);
  // No leader yet.
  assert.deepEqual(told(503, 'cluster_block_exception'), ['STORE_UNAVAILABLE', 'unknown']);
  assert.deepEqual(told(429, 'rejected_execution_exception'), ['STORE_UNAVAILABLE', 'unknown']);
  assert.deepEqual(told(403, 'security_exception'), ['STORE_NOT_ALLOWED', 'never']);
});
