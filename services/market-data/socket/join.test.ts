/** The key in a join: how a client that cannot send headers says who it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenOfJoin } from './join.ts';

test('the token of a first join is found in both serialisations, and in nothing else', () => {
  const payload = { authToken: 'id.secret' };
  const array = (event: string, given: unknown) => JSON.stringify(['1', '1', 'prices:AAPL', event, given]);
  const frame = { topic: 'prices:AAPL', event: 'phx_join', payload, ref: '1' };
  assert.equal(tokenOfJoin(array('phx_join', payload), 2), 'id.secret');
  assert.equal(tokenOfJoin(JSON.stringify(frame), 1), 'id.secret');
  for (const other of [
    array('phx_leave', payload),
    array('heartbeat', payload),
    array('phx_join', {}),
    array('phx_join', { authToken: 5 }),
    array('phx_join', { authToken: ['id.secret'] }),
    JSON.stringify(frame),
    'id.secret',
    '',
  ])
    assert.equal(tokenOfJoin(other, 2), null, other);
  assert.equal(tokenOfJoin(array('phx_join', payload), null), null, 'a version that is not known');
});
