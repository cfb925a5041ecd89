import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCOUNT, ACCOUNT_TOPIC, openHub, price, sequencesOf, update } from './socket.testing.ts';

describe('slow clients', () => {
  /** A client that has joined AAPL and MSFT and reads nothing. */
  function slowClient() {
    const opened = openHub();
    const client = opened.connect();
    client.push('1', '1', 'prices:AAPL', 'phx_join', {});
    client.push('2', '2', 'prices:MSFT', 'phx_join', {});
    client.connection.taken();
    client.connection.reading = false;
    return { ...opened, ...client };
  }

  test('a slow client gets the latest of each symbol once it drains, in order', () => {
    const { connection, prices, runtime, state } = slowClient();
    for (let sequence = 1; sequence <= 100; sequence += 1) {
      prices.publish([price('AAPL', sequence), price('MSFT', sequence)]);
    }
    const whileSlow = connection.taken().length;
    assert.ok(whileSlow < 20, `${whileSlow} of 200 updates were buffered`);
    assert.ok(state.conflated > 150);
    connection.drain();
    runtime.advance(25);
    const latest = connection.taken() as [unknown, unknown, string, string, { sequence: number }][];
    assert.deepEqual(latest.map((frame) => [frame[2], frame[4].sequence]).sort(), [
      ['prices:AAPL', 100],
      ['prices:MSFT', 100],
    ]);
    connection.reading = true;
    connection.drain();
    runtime.advance(25);
    prices.publish([price('AAPL', 101)]);
    assert.deepEqual(sequencesOf(connection.taken()), [101]);
  });

  test('it slows nobody else: the others get every update at once', () => {
    const { connect, prices } = slowClient();
    const other = connect();
    other.push('1', '1', 'prices:AAPL', 'phx_join', {});
    other.connection.taken();
    for (let sequence = 1; sequence <= 100; sequence += 1) prices.publish([price('AAPL', sequence)]);
    assert.deepEqual(
      sequencesOf(other.connection.taken()),
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
  });

  test('order updates are never conflated', () => {
    const { connection, prices, accounts, push } = slowClient();
    push('3', '3', ACCOUNT_TOPIC, 'phx_join', {});
    for (let sequence = 1; sequence <= 20; sequence += 1) prices.publish([price('AAPL', sequence)]);
    connection.taken();
    for (const sequence of [1, 2, 3, 4, 5]) accounts.record(ACCOUNT, update(sequence));
    assert.deepEqual(sequencesOf(connection.taken()), [1, 2, 3, 4, 5]);
  });

  test('a client that takes no order updates is closed as stalled when too much waits', () => {
    const { connection, accounts, push, hub, state } = slowClient();
    push('3', '3', ACCOUNT_TOPIC, 'phx_join', {});
    for (let sequence = 1; sequence <= 100; sequence += 1)
      accounts.record(ACCOUNT, update(sequence, 'x'.repeat(400)));
    assert.equal(connection.closed?.code, 4008);
    assert.equal(hub.sockets, 0);
    assert.deepEqual(state.closedCodes, [4008]);
  });

  test('a client that takes nothing for the time allowed is closed as stalled', () => {
    const { connection, prices, runtime, state } = slowClient();
    for (let sequence = 1; sequence <= 100; sequence += 1) prices.publish([price('AAPL', sequence)]);
    runtime.advance(4_900);
    assert.deepEqual(state.closedCodes, []);
    runtime.advance(200);
    assert.deepEqual([connection.closed?.code, ...state.closedCodes], [4008, 4008]);
    prices.publish([price('AAPL', 101)]);
  });

  test('a client that takes a little all the time stays', () => {
    const { connection, prices, runtime, handler } = slowClient();
    for (let sequence = 1; sequence <= 3_000; sequence += 1) {
      prices.publish([price('AAPL', sequence)]);
      connection.drain(10);
      runtime.advance(25);
      if (sequence % 1_000 === 0) handler.onMessage('[null,"9","phoenix","heartbeat",{}]');
    }
    assert.equal(connection.closed, null);
  });

  test('a flood beyond what a turn can send is conflated for all, and the last price arrives', async () => {
    const { connect, prices, runtime } = openHub({ maxSockets: 1_000, maxSocketsPerAccount: 1_000 });
    const clients = Array.from({ length: 200 }, () => connect());
    for (const { push } of clients) push('1', '1', 'prices:AAPL', 'phx_join', {});
    prices.publish(Array.from({ length: 5_000 }, (_, index) => price('AAPL', index + 1)));
    for (let turn = 0; turn < 5; turn += 1) await runtime.timers.yieldTurn();
    for (const { connection } of clients) {
      const sequences = sequencesOf(connection.taken().slice(1)).map(Number);
      assert.ok(sequences.length < 20);
      assert.equal(sequences.at(-1), 5_000);
      assert.deepEqual(
        sequences,
        [...sequences].sort((left, right) => left - right),
      );
    }
  });
});
