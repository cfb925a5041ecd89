import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ACCOUNT,
  ACCOUNT_TOPIC,
  fakeConnection,
  openHub,
  price,
  pricePayload,
  reply,
  sequencesOf,
  update,
} from './socket.testing.ts';

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
        symbol: 'AAPL',
        side: 'BUY',
        type: 'MARKET',
        timeInForce: 'DAY',
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
