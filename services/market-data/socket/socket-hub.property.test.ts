import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ACCOUNT, fakeConnection, openHub, price } from './socket.testing.ts';

const topic = fc.oneof(
  fc.constantFrom(
    'prices:AAPL',
    'prices:MSFT',
    'prices:',
    'prices:aapl',
    'phoenix',
    `account:${ACCOUNT}`,
    'account:',
  ),
  fc.string(),
);
const event = fc.oneof(
  fc.constantFrom('phx_join', 'phx_leave', 'heartbeat', 'phx_close', 'phx_error'),
  fc.string(),
);
const payload = fc.oneof(
  fc.constant({}),
  fc.record({ resumeAfter: fc.oneof(fc.integer(), fc.double(), fc.string(), fc.jsonValue()) }),
  fc.jsonValue(),
);
const ref = fc.oneof(fc.constantFrom('1', '2', null), fc.jsonValue());
const arrayFrame = fc.tuple(ref, ref, topic, event, payload).map((frame) => JSON.stringify(frame));
const objectFrame = fc
  .record({ join_ref: ref, ref, topic, event, payload }, { requiredKeys: [] })
  .map((frame) => JSON.stringify(frame));
const frame = fc.oneof(
  { weight: 5, arbitrary: arrayFrame },
  { weight: 5, arbitrary: objectFrame },
  { weight: 2, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
);

test('whatever a client sends, every frame is answered or closes the socket, and nothing is left behind', () => {
  fc.assert(
    fc.property(fc.constantFrom('1.0.0', '2.0.0'), fc.array(frame, { maxLength: 30 }), (vsn, frames) => {
      const { connect, hub, prices } = openHub({ frameBurst: 1_000 });
      prices.publish([price('AAPL', 1), price('AAPL', 2)]);
      const { connection, handler } = connect(fakeConnection(vsn));
      for (const text of frames) {
        const isClosed = connection.closed !== null;
        handler.onMessage(text);
        assert.ok(isClosed || connection.closed !== null || connection.taken().length > 0, text);
      }
      handler.onClose();
      assert.equal(hub.sockets, 0);
      const sent = connection.texts.length;
      prices.publish([price('AAPL', 3), price('MSFT', 1)]);
      assert.equal(connection.texts.length, sent, 'a client that has gone is sent nothing');
    }),
    { numRuns: 300 },
  );
});

test('every error reply names field and rule, or a reason that is documented', () => {
  const reasons = new Set(['unmatched topic', 'forbidden', 'not ready', 'too many symbols']);
  fc.assert(
    fc.property(fc.array(arrayFrame, { maxLength: 20 }), (frames) => {
      const { connect } = openHub({ frameBurst: 1_000 });
      const { connection, handler } = connect();
      for (const text of frames) handler.onMessage(text);
      for (const sent of connection.frames) {
        const [, , , name, given] = sent as [
          unknown,
          unknown,
          unknown,
          string,
          { status?: string; response?: { reason: string; errors?: { field: string; rule: string }[] } },
        ];
        if (name !== 'phx_reply' || given.status !== 'error') continue;
        const { reason, errors } = given.response ?? { reason: '' };
        const named =
          errors !== undefined &&
          errors.length > 0 &&
          errors.every((error) => error.field !== '' && error.rule !== '');
        assert.ok(named || reasons.has(reason), JSON.stringify(sent));
      }
    }),
    { numRuns: 300 },
  );
});

test('however prices, slowness and draining interleave, a client sees sequences only grow and ends at the latest', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant('drain' as const), bytes: fc.integer({ min: 0, max: 5_000 }) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 200 }) }),
    fc.constant({ kind: 'read' as const }),
    fc.constant({ kind: 'block' as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { connect, prices, runtime } = openHub();
      const { connection, push } = connect();
      push('1', '1', 'prices:AAPL', 'phx_join', {});
      connection.taken();
      let sequence = 0;
      for (const next of steps) {
        if (next.kind === 'publish') {
          const batch = Array.from({ length: next.count }, () => price('AAPL', ++sequence));
          prices.publish(batch);
        } else if (next.kind === 'drain') connection.drain(next.bytes);
        else if (next.kind === 'advance') runtime.advance(next.ms);
        else connection.reading = next.kind === 'read';
      }
      connection.reading = true;
      connection.drain();
      runtime.advance(50);
      if (connection.closed !== null) return;
      const seen = connection.taken().map((sent) => (sent as { 4: { sequence: number } })[4].sequence);
      for (const [index, value] of seen.entries()) assert.ok(index === 0 || value > (seen[index - 1] ?? 0));
      assert.equal(seen.at(-1) ?? 0, sequence);
    }),
    { numRuns: 300 },
  );
});
