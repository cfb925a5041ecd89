/** How long a request waits at a gateway, for what, and when not at all. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, test } from 'node:test';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { Logged } from '../gateway.testing.ts';
import {
  cleanUp,
  gatewayTo,
  instances,
  openDoor,
  post,
  sendMany,
  tell,
  upstreamTo,
} from './proxy.testing.ts';
import type { Sending } from './upstream.ts';

afterEach(cleanUp);

const { timers } = createSystemRuntime();
/** Longer than the runner waits. */
const FOR_EVER_MS = 3_600_000;

function errorsIn(logged: readonly Logged[]): readonly Logged[] {
  return logged.filter(({ level }) => level === 'error');
}

test('an instance that believes no signature is told of at once, and logged when that begins and when it ends', {
  timeout: 30_000,
}, async () => {
  let believes = false;
  const { commands, addresses } = await instances(1, (_command, response) => {
    if (believes) response.end('{}');
    else response.writeHead(401).end('{"code":"CALLER_NOT_BELIEVED"}');
  });
  const gateway = await gatewayTo(addresses, [tell('far')], {
    config: { upstreamPatienceMs: FOR_EVER_MS },
  });
  for (let count = 1; count <= 3; count += 1) {
    const answer = await post(gateway.address, '/v1/tell/1', {});
    assert.equal(((await answer.json()) as { code: string }).code, 'DEPENDENCY_UNAVAILABLE');
    assert.equal(commands.length, count, 'sent once');
  }
  assert.equal(errorsIn(gateway.logged).length, 1);
  believes = true;
  assert.equal((await post(gateway.address, '/v1/tell/1', {})).status, 200);
  assert.equal(gateway.logged.at(-1)?.message, 'an instance believes this gateway again');
  believes = false;
  await post(gateway.address, '/v1/tell/1', {});
  assert.equal(errorsIn(gateway.logged).length, 2);
});

test('an instance that refuses and then cannot be asked who it is may be another by now: it is waited for', {
  timeout: 30_000,
}, async () => {
  let instanceId: string | null = 'before';
  const { addresses } = await instances(
    1,
    (command, response) => {
      if (command > 1) return response.end('{}');
      instanceId = null;
      return response.writeHead(401).end('{"code":"CALLER_NOT_BELIEVED"}');
    },
    () => {
      const health = { status: instanceId === null ? 503 : 200, instanceId };
      instanceId ??= 'after';
      return health;
    },
  );
  const gateway = await gatewayTo(addresses, [tell('far')], {
    config: { upstreamPatienceMs: FOR_EVER_MS },
  });
  assert.equal((await post(gateway.address, '/v1/tell/1', {})).status, 200);
  assert.deepEqual(errorsIn(gateway.logged), []);
});

test('while one instance believes no signature the other takes all', async () => {
  let disbelieving = 0;
  const { addresses } = await instances(2, (_command, response, instance) => {
    disbelieving ||= instance;
    if (instance !== disbelieving) response.end('{}');
    else response.writeHead(401).end('{"code":"CALLER_NOT_BELIEVED"}');
  });
  const gateway = await gatewayTo(addresses, [tell('far')]);
  for (let count = 0; count < 3; count += 1)
    assert.equal((await post(gateway.address, '/v1/tell/1', {})).status, 200);
  assert.equal(errorsIn(gateway.logged).length, 1);
});

test('patience is counted from the start of the request, also when the service seems ready again and again', {
  timeout: 30_000,
}, async () => {
  const { addresses } = await instances(1, (_command, response) => response.destroy());
  const upstream = await upstreamTo(addresses, 600);
  const [sent] = sendMany(upstream, 1, { repeat: 'idempotent' });
  assert.deepEqual(await sent, { kind: 'unknown' });
});

test('what waits for a service is not sent when its client has gone', { timeout: 30_000 }, async () => {
  let taken = 0;
  const count = () => {
    taken += 1;
  };
  const { door, port } = await openDoor([]);
  const upstream = await upstreamTo([door.address()], FOR_EVER_MS);
  await door.stop();
  let gone = false;
  const [sent] = sendMany(upstream, 1, { isAbandoned: () => gone });
  gone = true;
  await openDoor([tell('second', count)], { port });
  assert.deepEqual(await sent, { kind: 'abandoned' });
  assert.equal(taken, 0);
});

/** One instance with one connection; what it is asked is answered when the test says so. */
async function slow(patienceMs: number) {
  const asked: ServerResponse[] = [];
  const { addresses } = await instances(1, (_command, response) => {
    asked.push(response);
  });
  const upstream = await upstreamTo(addresses, patienceMs);
  const isAsked = async (count: number) => {
    while (asked.length < count) await timers.yieldTurn();
  };
  return { asked, upstream, isAsked };
}

test('what waits for a connection is signed when there is one, and is not sent when its client has gone', async () => {
  const { asked, upstream, isAsked } = await slow(FOR_EVER_MS);
  const made: string[] = [];
  const named = (name: string): Partial<Sending> => ({
    make: () => {
      made.push(name);
      return { method: 'POST', target: '/', headers: {}, body: null };
    },
  });
  let gone = false;
  const [first] = sendMany(upstream, 1, named('first'));
  const [second] = sendMany(upstream, 1, { ...named('second'), isAbandoned: () => gone });
  const [third] = sendMany(upstream, 1, named('third'));
  await isAsked(1);
  assert.deepEqual(made, ['first']);
  gone = true;
  asked[0]?.end('{}');
  assert.equal((await first)?.kind, 'answered');
  assert.deepEqual(await second, { kind: 'abandoned' });
  await isAsked(2);
  assert.deepEqual(made, ['first', 'third']);
  asked[1]?.end('{}');
  assert.equal((await third)?.kind, 'answered');
});

test('no more requests wait for the connections of an instance than 2,000: the next is told at once', async () => {
  const { upstream, isAsked } = await slow(FOR_EVER_MS);
  const outcomes = sendMany(upstream, 2_002);
  assert.deepEqual(await Promise.race(outcomes), { kind: 'overloaded' });
  await isAsked(1);
  await upstream.close();
  const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === 'overloaded').length, 1);
  assert.equal(kinds.filter((kind) => kind === 'unknown').length, 1, 'the one that was sent');
});

test('what finds no connection in time is told that nothing happened', { timeout: 30_000 }, async () => {
  const { asked, upstream, isAsked } = await slow(300);
  const [, second] = sendMany(upstream, 2);
  assert.deepEqual(await second, { kind: 'overloaded' });
  await isAsked(1);
  assert.equal(asked.length, 1);
});

test('what waits for the connections of an instance that fails goes to the next', {
  timeout: 30_000,
}, async () => {
  const hung: ServerResponse[] = [];
  let failing = 0;
  const { addresses } = await instances(2, (_command, response, instance) => {
    failing ||= instance;
    if (instance === failing) hung.push(response);
    else response.end('{}');
  });
  const upstream = await upstreamTo(addresses, FOR_EVER_MS);
  const [first, second, third] = sendMany(upstream, 3);
  while (hung.length === 0) await timers.yieldTurn();
  hung[0]?.destroy();
  assert.deepEqual(await first, { kind: 'unknown' });
  assert.equal((await second)?.kind, 'answered');
  assert.equal((await third)?.kind, 'answered');
  assert.equal(hung.length, 1);
});
