import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Quantity } from '#domain/data/decimal.ts';
import type { CommandId, EventId, OrderId } from '#domain/data/identifiers.ts';
import type { OrderUpdate } from '#domain/data/trading-events.ts';
import { encodeTradingOutput } from '#domain/data/trading-output-codec.ts';
import { ACCOUNT, fakeConnection, openHub, price, pricePayload } from './socket.testing.ts';

const ACCOUNT_TOPIC = `account:${ACCOUNT}`;

function update(sequence: number, reason: string | null = null): Uint8Array {
  const event: OrderUpdate = {
    type: 'OrderUpdate',
    eventId: `update/${sequence}` as EventId,
    cause: 'command-1' as CommandId,
    accountId: ACCOUNT,
    sequence,
    timeMs: 1_549_895_400_000,
    ingestTimeMs: 1_549_895_400_000,
    update: 'new',
    orderId: '0b8f3a1c-9999-4222-8333-444455556666' as OrderId,
    status: 'NEW',
    symbol: null,
    side: null,
    orderType: null,
    timeInForce: null,
    quantity: null,
    limitPrice: null,
    clientOrderId: null,
    filledQuantity: 0n as Quantity,
    averageFillPrice: null,
    reason,
  };
  return encodeTradingOutput(event, { sourceService: 'test' });
}

const reply = (joinRef: unknown, ref: unknown, topic: string, status: string, response: unknown) => [
  joinRef,
  ref,
  topic,
  'phx_reply',
  { status, response },
];
const sequencesOf = (frames: readonly unknown[]) =>
  frames.map((frame) => (frame as [unknown, unknown, unknown, string, { sequence?: number }])[4].sequence);

describe('the protocol', () => {
  test('a heartbeat is answered', () => {
    const { connect } = openHub();
    const { connection, push } = connect();
    push(null, '7', 'phoenix', 'heartbeat', {});
    assert.deepEqual(connection.taken(), [reply(null, '7', 'phoenix', 'ok', {})]);
  });

  test('a join gives the latest price as snapshot, then updates follow in order', () => {
    const { connect, prices } = openHub();
    prices.publish([price('AAPL', 1), price('AAPL', 2)]);
    const { connection, push } = connect();
    push('1', '1', 'prices:AAPL', 'phx_join', {});
    prices.publish([price('AAPL', 3), price('MSFT', 1), price('AAPL', 4)]);
    assert.deepEqual(connection.taken(), [
      reply('1', '1', 'prices:AAPL', 'ok', {
        snapshot: pricePayload('AAPL', 2),
        sequence: 2,
        resumed: false,
      }),
      [null, null, 'prices:AAPL', 'price_update', pricePayload('AAPL', 3)],
      [null, null, 'prices:AAPL', 'price_update', pricePayload('AAPL', 4)],
    ]);
  });

  test('the object form says the same as the array form', () => {
    const { connect, prices } = openHub();
    for (const vsn of [null, '1.0.0']) {
      const { connection, handler } = connect(fakeConnection(vsn));
      handler.onMessage('{"topic":"prices:AAPL","event":"phx_join","payload":{},"ref":"1"}');
      handler.onMessage('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":2}');
      const joined = { status: 'ok', response: { snapshot: null, sequence: 0, resumed: false } };
      assert.deepEqual(connection.taken(), [
        { topic: 'prices:AAPL', event: 'phx_reply', payload: joined, ref: '1', join_ref: '1' },
        { topic: 'phoenix', event: 'phx_reply', payload: { status: 'ok', response: {} }, ref: 2 },
      ]);
      connection.closed = { code: 0, reason: '' };
      handler.onClose();
    }
    const { connection, handler } = connect(fakeConnection('1.0.0'));
    handler.onMessage('{"topic":"prices:AAPL","event":"phx_join","payload":{},"ref":"1"}');
    connection.taken();
    prices.publish([price('AAPL', 1)]);
    assert.deepEqual(connection.taken(), [
      { topic: 'prices:AAPL', event: 'price_update', payload: pricePayload('AAPL', 1), ref: null },
    ]);
  });

  test('leaving is answered, closes the channel, and nothing more comes', () => {
    const { connect, prices } = openHub();
    const { connection, push } = connect();
    push('1', '1', 'prices:AAPL', 'phx_join', {});
    connection.taken();
    push('1', '2', 'prices:AAPL', 'phx_leave', {});
    prices.publish([price('AAPL', 1)]);
    assert.deepEqual(connection.taken(), [
      reply('1', '2', 'prices:AAPL', 'ok', {}),
      ['1', null, 'prices:AAPL', 'phx_close', {}],
    ]);
    push('1', '3', 'prices:AAPL', 'phx_leave', {});
    assert.deepEqual(connection.taken(), [reply('1', '3', 'prices:AAPL', 'ok', {})]);
  });

  test('joining a topic again closes the former join and every update comes once', () => {
    const { connect, prices } = openHub();
    const { connection, push } = connect();
    push('1', '1', 'prices:AAPL', 'phx_join', {});
    connection.taken();
    push('5', '5', 'prices:AAPL', 'phx_join', {});
    push('1', '6', 'prices:AAPL', 'phx_leave', {});
    prices.publish([price('AAPL', 1)]);
    assert.deepEqual(connection.taken(), [
      ['1', null, 'prices:AAPL', 'phx_close', {}],
      reply('5', '5', 'prices:AAPL', 'ok', { snapshot: null, sequence: 0, resumed: false }),
      reply('1', '6', 'prices:AAPL', 'ok', {}),
      [null, null, 'prices:AAPL', 'price_update', pricePayload('AAPL', 1)],
    ]);
  });

  test('a topic that does not exist is unmatched, joined or pushed to', () => {
    const { connect } = openHub();
    const { connection, push } = connect();
    push('1', '1', 'rooms:lobby', 'phx_join', {});
    push('1', '2', 'prices:AAPL', 'hello', {});
    push('1', '3', 'phoenix', 'phx_join', {});
    for (const frame of connection.taken()) {
      assert.deepEqual((frame as unknown[])[4], { status: 'error', response: { reason: 'unmatched topic' } });
    }
  });

  test('until the service is ready joins are refused, so that no snapshot is missing', () => {
    const { connect, state, prices } = openHub();
    state.ready = false;
    const { connection, push } = connect();
    push('1', '1', 'prices:AAPL', 'phx_join', {});
    assert.deepEqual(connection.taken(), [reply('1', '1', 'prices:AAPL', 'error', { reason: 'not ready' })]);
    prices.publish([price('AAPL', 1)]);
    assert.deepEqual(connection.taken(), []);
  });
});

describe('coming back', () => {
  test('a client is sent what it missed, in order, when that is still kept', () => {
    const { connect, prices } = openHub();
    prices.publish([1, 2, 3, 4, 5].map((sequence) => price('AAPL', sequence)));
    const { connection, push } = connect();
    push('1', '1', 'prices:AAPL', 'phx_join', { resumeAfter: 3 });
    prices.publish([price('AAPL', 6)]);
    const [answer, ...frames] = connection.taken();
    assert.deepEqual(
      answer,
      reply('1', '1', 'prices:AAPL', 'ok', { snapshot: null, sequence: 3, resumed: true }),
    );
    assert.deepEqual(sequencesOf(frames), [4, 5, 6]);
  });

  test('what is no longer kept, or never was, gives a snapshot instead', () => {
    const { connect, prices } = openHub();
    prices.publish([1, 2, 3, 4, 5, 6].map((sequence) => price('AAPL', sequence)));
    const { connection, push } = connect();
    for (const resumeAfter of [0, 1, 7, 1_000_000]) {
      push('1', '1', 'prices:AAPL', 'phx_join', { resumeAfter });
      const answer = connection.taken().at(-1) as unknown[];
      assert.deepEqual(answer[4], {
        status: 'ok',
        response: { snapshot: pricePayload('AAPL', 6), sequence: 6, resumed: false },
      });
    }
  });

  test('a gap in the feed breaks resuming across it, not after it', () => {
    const { connect, prices } = openHub();
    prices.publish([price('AAPL', 1), price('AAPL', 2), price('AAPL', 9), price('AAPL', 10)]);
    const { connection, push } = connect();
    push('1', '1', 'prices:AAPL', 'phx_join', { resumeAfter: 2 });
    push('2', '2', 'prices:AAPL', 'phx_join', { resumeAfter: 9 });
    const answers = connection.taken().filter((frame) => (frame as unknown[])[3] === 'phx_reply');
    const resumedFlags = answers.map(
      (frame) => (frame as { 4: { response: { resumed: boolean } } })[4].response.resumed,
    );
    assert.deepEqual(resumedFlags, [false, true]);
  });
});

describe('the account channel', () => {
  test('it carries the own account and no other', () => {
    const { connect, accounts } = openHub();
    const { connection, push } = connect();
    const other = 'account:0b8f3a1c-1111-4222-8333-444455550000';
    push('1', '1', other, 'phx_join', {});
    push('2', '2', ACCOUNT_TOPIC, 'phx_join', {});
    accounts.record(ACCOUNT, update(4));
    const [forbidden, joined, event] = connection.taken();
    assert.deepEqual(forbidden, reply('1', '1', other, 'error', { reason: 'forbidden' }));
    assert.deepEqual(
      joined,
      reply('2', '2', ACCOUNT_TOPIC, 'ok', { snapshot: null, sequence: 0, resumed: false }),
    );
    assert.deepEqual(event, [
      null,
      null,
      ACCOUNT_TOPIC,
      'order_update',
      {
        orderId: '0b8f3a1c-9999-4222-8333-444455556666',
        userId: ACCOUNT,
        update: 'new',
        status: 'NEW',
        filledQuantity: '0',
        eventId: 'update/4',
        eventTimestamp: '2019-02-11T14:30:00.000Z',
        sequence: 4,
      },
    ]);
  });

  test('the operator has no account to listen to', () => {
    const { connect } = openHub();
    const { connection, push } = connect(fakeConnection('2.0.0', { kind: 'operator' }));
    push('1', '1', ACCOUNT_TOPIC, 'phx_join', {});
    assert.deepEqual(connection.taken(), [reply('1', '1', ACCOUNT_TOPIC, 'error', { reason: 'forbidden' })]);
  });

  test('a client that comes back gets the updates it missed although the sequence has gaps', () => {
    const { connect, accounts } = openHub();
    for (const sequence of [3, 7, 8]) accounts.record(ACCOUNT, update(sequence));
    const { connection, push } = connect();
    push('1', '1', ACCOUNT_TOPIC, 'phx_join', { resumeAfter: 3 });
    const [answer, ...frames] = connection.taken();
    assert.deepEqual(
      answer,
      reply('1', '1', ACCOUNT_TOPIC, 'ok', { snapshot: null, sequence: 3, resumed: true }),
    );
    assert.deepEqual(sequencesOf(frames), [7, 8]);
  });

  test('when an update may be missing the last one is the snapshot', () => {
    const { connect, accounts } = openHub();
    for (const sequence of [3, 7, 8, 9]) accounts.record(ACCOUNT, update(sequence));
    const { connection, push } = connect();
    push('1', '1', ACCOUNT_TOPIC, 'phx_join', { resumeAfter: 3 });
    const [answer] = connection.taken() as [
      [
        unknown,
        unknown,
        unknown,
        unknown,
        { response: { snapshot: { sequence: number }; resumed: boolean } },
      ],
    ];
    assert.equal(answer[4].response.resumed, false);
    assert.equal(answer[4].response.snapshot.sequence, 9);
  });

  test('an update that cannot be read fails the channel openly, and joining again works', () => {
    const { connect, accounts, unreadable } = openHub();
    const { connection, push } = connect();
    push('1', '1', ACCOUNT_TOPIC, 'phx_join', {});
    accounts.record(ACCOUNT, update(1));
    connection.taken();
    accounts.record(ACCOUNT, new TextEncoder().encode('{"broken":'));
    assert.deepEqual(connection.taken(), [['1', null, ACCOUNT_TOPIC, 'phx_error', {}]]);
    assert.deepEqual(unreadable, [ACCOUNT]);
    accounts.record(ACCOUNT, update(3));
    assert.deepEqual(connection.taken(), []);
    push('2', '2', ACCOUNT_TOPIC, 'phx_join', { resumeAfter: 1 });
    accounts.record(ACCOUNT, update(4));
    const [answer, event] = connection.taken() as [unknown[], unknown];
    assert.equal((answer[4] as { response: { resumed: boolean } }).response.resumed, false);
    assert.deepEqual(sequencesOf([event]), [4]);
  });
});

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
    const { connect } = openHub({ maxSockets: 3, maxSocketsPerAccount: 2 });
    const first = connect();
    connect();
    assert.equal(connect().connection.closed?.code, 4014);
    const elsewhere = () =>
      connect(fakeConnection('2.0.0', { kind: 'api-key', keyId: 'key-2', accountId: 'another' }));
    assert.equal(elsewhere().connection.closed, null);
    assert.equal(elsewhere().connection.closed?.code, 4013);
    first.handler.onClose();
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
