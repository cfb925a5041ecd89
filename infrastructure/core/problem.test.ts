import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PROBLEMS, problem } from './problem.ts';

test('the table of codes and docs/errors.md agree, code by code and status by status', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(
    (row) => `${row[1]} ${row[2]}`,
  );
  const declared = Object.entries(PROBLEMS).map(([code, kind]) => `${code} ${kind.status}`);
  assert.ok(documented.length > 0, 'the table in docs/errors.md was not found');
  assert.deepEqual(documented, declared);
});

test('a problem carries its code, status and title', () => {
  assert.deepEqual(problem('RATE_LIMITED', 'Wait.', { retryAfterSeconds: 2 }), {
    status: 429,
    code: 'RATE_LIMITED',
    title: 'Too many requests',
    detail: 'Wait.',
    retryAfterSeconds: 2,
  });
});
