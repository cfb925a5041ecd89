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

test('a server that has no room for a call is no outage; one that cannot say who leads it is', () => {
  const answered = (status: number, type: string) =>
    classifySearchError(new SearchServerError(status, type, 'why', null))?.answered ?? false;
  assert.equal(answered(429, 'es_rejected_execution_exception'), true);
  assert.equal(answered(429, 'circuit_breaking_exception'), true);
  assert.equal(answered(403, 'cluster_block_exception'), true);
  assert.equal(answered(503, 'cluster_block_exception'), false);
});

test('a server of a version that the client does not speak is told as that', () => {
  const why = 'Accept version must be either version 8 or 7, but found 9';
  const failure = classifySearchError(new SearchServerError(400, 'media_type_header_exception', why, null));
  assert.deepEqual([failure?.code, failure?.retry], ['STORE_VERSION', 'never']);
  assert.match(failure?.reason ?? '', /^is of another version than this client speaks .*version 8 or 7/);
});
