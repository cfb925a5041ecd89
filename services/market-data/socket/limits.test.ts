import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCOUNT_TOPIC, fakeConnection, openHub } from './socket.testing.ts';

describe('limits refuse', () => {
  test('symbols per socket', () => {
    const { connect } = openHub({ maxSymbolsPerSocket: 2 });
    const { connection, push } = connect();
    push('0', '0', ACCOUNT_TOPIC, 'phx_join', {});
    for (const [index, symbol] of ['AAPL', 'MSFT', 'AAPL', 'IBM'].entries()) {
      push(`${index + 1}`, `${index + 1}`, `prices:${symbol}`, 'phx_join', {});
    }
    const statuses = connection
      .taken()
      .filter((frame) => (frame as unknown[])[3] === 'phx_reply')
      .map((frame) => (frame as { 4: { status: string } })[4].status);
    assert.deepEqual(statuses, ['ok', 'ok', 'ok', 'ok', 'error']);
  });

  test('sockets in total and per account; one that closes makes room', () => {
    const { connect, hub } = openHub({ maxSockets: 3, maxSocketsPerAccount: 2 });
    const first = connect();
    connect();
    assert.equal(connect().connection.closed?.code, 4014);
    const elsewhere = () =>
      connect(fakeConnection('2.0.0', { kind: 'api-key', keyId: 'key-2', accountId: 'another' }));
    assert.equal(hub.route.isFull(), false);
    assert.equal(elsewhere().connection.closed, null);
    assert.equal(hub.route.isFull(), true);
    assert.equal(elsewhere().connection.closed?.code, 4013);
    first.handler.onClose();
    assert.equal(hub.route.isFull(), false);
    assert.equal(connect().connection.closed, null);
  });

  test('frames: too large, too many, not JSON', () => {
    const { connect, runtime, state } = openHub({ maxFrameBytes: 300, frameBurst: 3, framesPerSecond: 10 });
    const large = connect();
    large.push('1', '1', 'prices:AAPL', 'phx_join', { padding: 'ä'.repeat(150) });
    assert.equal(large.connection.closed?.code, 1009);
    const garbage = connect();
    garbage.handler.onMessage('hello');
    assert.equal(garbage.connection.closed?.code, 1007);
    const many = connect();
    const beat = () => many.push(null, '1', 'phoenix', 'heartbeat', {});
    for (let count = 0; count < 3; count += 1) beat();
    runtime.advance(100);
    beat();
    assert.deepEqual(state.closedCodes, [1009, 1007]);
    beat();
    assert.equal(many.connection.closed?.code, 4029);
  });

  test('no credentials, an unknown protocol version, and a server that is shutting down', () => {
    const { connect, hub } = openHub();
    assert.equal(connect(fakeConnection('2.0.0', null)).connection.closed?.code, 4001);
    assert.equal(connect(fakeConnection('3.0.0')).connection.closed?.code, 1008);
    const open = connect();
    hub.drain();
    assert.equal(open.connection.closed?.code, 1001);
    assert.equal(connect().connection.closed?.code, 1001);
    assert.equal(hub.sockets, 0);
  });

  test('a client that is silent for the time allowed is closed; a heartbeat keeps it', () => {
    const { connect, runtime } = openHub();
    const silent = connect();
    const alive = connect();
    runtime.advance(40_000);
    alive.push(null, '1', 'phoenix', 'heartbeat', {});
    runtime.advance(30_000);
    assert.equal(silent.connection.closed?.code, 4010);
    assert.equal(alive.connection.closed, null);
  });

  test('a frame of the wrong shape is answered with field and rule', () => {
    const { connect } = openHub();
    const { connection, handler, push } = connect();
    handler.onMessage('{"topic":"phoenix"}');
    push('1', '2', 'prices:AAPL', 'phx_join', null);
    push('1', '3', 'prices:aapl', 'phx_join', {});
    push('1', '4', 'prices:AAPL', 'phx_join', { resumeAfter: '7' });
    push('1', '5', 'prices:AAPL', 5, {});
    const errors = connection.taken().map((frame) => {
      const [, ref, , , payload] = frame as [
        unknown,
        unknown,
        unknown,
        unknown,
        { response: { errors: { field: string; rule: string }[] } },
      ];
      return [ref, ...payload.response.errors.map(({ field, rule }) => `${field} ${rule}`)];
    });
    assert.deepEqual(errors, [
      [null, 'frame type'],
      ['2', 'payload type'],
      ['3', 'topic pattern'],
      ['4', 'payload.resumeAfter minimum'],
      ['5', 'event type'],
    ]);
  });

  test('channels that nobody listens to and that have no price are forgotten', () => {
    const { connect, prices } = openHub({ maxSymbolsPerSocket: 500, frameBurst: 10_000 });
    const { push } = connect();
    for (let count = 0; count < 100; count += 1) {
      push('1', '1', `prices:S${count}`, 'phx_join', {});
      push('1', '2', `prices:S${count}`, 'phx_leave', {});
    }
    assert.equal(prices.symbols, 0);
  });
});
