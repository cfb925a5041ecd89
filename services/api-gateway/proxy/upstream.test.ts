/** What a gateway does when instances of a service come, go, drain and fail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, test } from 'node:test';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { CREDENTIALS } from '../gateway.testing.ts';
import {
  cleanUp,
  cleanUpWith,
  cutters,
  gatewayTo,
  instances,
  openDoor,
  post,
  sendMany,
  tell,
  upstreamTo,
  withoutKey,
} from './proxy.testing.ts';
import type { Upstream } from './upstream.ts';

afterEach(cleanUp);

test('a service that started anew on the same port is asked again under its new id', async () => {
  const first = await openDoor([tell('first')]);
  const { address } = await gatewayTo([first.door.address()], [tell('first')]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  await first.door.stop();
  await openDoor([tell('second')], { port: first.port });
  // The gateway may find out by a probe or by being refused; either way the client sees an answer.
  for (;;) {
    const answer = await post(address, '/v1/tell/1', {});
    if (answer.status === 200) {
      assert.equal(((await answer.json()) as { name: string }).name, 'second');
      break;
    }
    assert.equal(answer.status, 503);
  }
});

test('an account stays with one instance, and when that drains the other takes all, without one refusal', async () => {
  const one = await openDoor([tell('one')]);
  const two = await openDoor([tell('two')]);
  const { address } = await gatewayTo([one.door.address(), two.door.address()], [tell('one')]);
  const names = new Set<string>();
  const ask = async () => {
    const answer = await post(address, '/v1/tell/1', {});
    assert.equal(answer.status, 200);
    const { name } = (await answer.json()) as { name: string };
    names.add(name);
    return name;
  };
  for (let count = 0; count < 10; count += 1) await ask();
  const [usual] = names;
  assert.equal(names.size, 1);
  const asking = Array.from({ length: 20 }, ask);
  await (usual === 'one' ? one : two).door.drain();
  await Promise.all(asking);
  for (let count = 0; count < 10; count += 1) assert.notEqual(await ask(), usual);
});

test('a request waits for a service that was ready a moment ago', async () => {
  const first = await openDoor([tell('first')]);
  const waits = Promise.withResolvers<'waits'>();
  const runtime = createSystemRuntime();
  const sleep: Timers['sleep'] = (durationMs, signal) => {
    // Nothing but the patience is that long.
    if (durationMs > 15_000) waits.resolve('waits');
    return runtime.timers.sleep(durationMs, signal);
  };
  const { address } = await gatewayTo([first.door.address()], [tell('first')], {
    config: { upstreamPatienceMs: 30_000 },
    runtime: { ...runtime, timers: { ...runtime.timers, sleep } },
  });
  await first.door.stop();
  const asked = post(address, '/v1/tell/1', {});
  assert.equal(await Promise.race([asked, waits.promise]), 'waits');
  await openDoor([tell('second')], { port: first.port });
  const answer = await asked;
  assert.equal(answer.status, 200);
  assert.equal(((await answer.json()) as { name: string }).name, 'second');
});

test('a service that is away answers 503 with Retry-After', async () => {
  const { door } = await openDoor([tell('far')]);
  const { address } = await gatewayTo([door.address()], [withoutKey(tell('far'))]);
  await door.stop();
  const answer = await post(address, '/v1/tell/1', {});
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.equal(((await answer.json()) as { code: string }).code, 'DEPENDENCY_UNAVAILABLE');
});

test('a command that can carry an idempotency key goes on to the next instance, under one key', async () => {
  const { commands, addresses } = await cutters();
  const { address } = await gatewayTo(addresses, [tell('far')]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  const [first, again, next, ...more] = commands.map((headers) => headers['x-idempotency-key']);
  assert.deepEqual(more, []);
  assert.equal(typeof first, 'string');
  assert.equal(first, again);
  assert.notEqual(next, again, 'the next request is a command of its own');
});

test('a command that cannot be repeated is told that its outcome is unknown', async () => {
  const { commands, addresses } = await cutters();
  const { address } = await gatewayTo(addresses, [withoutKey(tell('far'))]);
  const answer = await post(address, '/v1/tell/1', {});
  assert.equal(answer.status, 503);
  assert.equal(((await answer.json()) as { code: string }).code, 'OUTCOME_UNKNOWN');
  assert.equal(commands.length, 1, 'sent once');
});

test('what an instance says that it did not take goes to the next, also a command that cannot be repeated', async () => {
  const { commands, addresses } = await instances(2, (command, response) => {
    if (command === 1) response.writeHead(503).end('{"code":"SHUTTING_DOWN"}');
    else response.end('{}');
  });
  const { address } = await gatewayTo(addresses, [withoutKey(tell('far'))]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.equal(commands.length, 2);
});

test('a request that changes nothing is repeated without a key', async () => {
  const { commands, addresses } = await cutters();
  const { body: _body, headers: _headers, ...schema } = tell('far').schema;
  const { address } = await gatewayTo(addresses, [{ ...tell('far'), method: 'GET', schema }]);
  assert.equal((await fetch(`${address}/v1/tell/1`, { headers: CREDENTIALS })).status, 200);
  assert.equal(commands.length, 2);
});

test('a command that is not answered in time is not sent to another: it may be slow, and so would that one be', async () => {
  const { commands, addresses } = await instances(2, () => undefined);
  const { address } = await gatewayTo(addresses, [tell('far')], { config: { upstreamTimeoutMs: 100 } });
  const answer = await post(address, '/v1/tell/1', {});
  assert.equal(((await answer.json()) as { code: string }).code, 'OUTCOME_UNKNOWN');
  assert.equal(commands.length, 1);
});

test('an instance that started anew is asked again under its new id when it does not believe the old one', async () => {
  let instanceId = 'before';
  const { commands, addresses } = await instances(
    1,
    (command, response) => {
      instanceId = 'after';
      if (command === 1) response.writeHead(401).end('{"code":"CALLER_NOT_BELIEVED"}');
      else response.end('{}');
    },
    () => ({ status: 200, instanceId }),
  );
  const { address } = await gatewayTo(addresses, [withoutKey(tell('far'))]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.equal(commands.length, 2);
});

test('only a refusal says that a command was not taken, not an answer that reads like one', async () => {
  const { commands, addresses } = await instances(2, (_command, response) => {
    response.writeHead(200).end('{"code":"SHUTTING_DOWN"}');
  });
  const { address } = await gatewayTo(addresses, [tell('far')]);
  assert.deepEqual(await (await post(address, '/v1/tell/1', {})).json(), { code: 'SHUTTING_DOWN' });
  assert.equal(commands.length, 1);
});

test('an instance that drains gets nothing more, once it has said so', async () => {
  let draining = 0;
  const { commands, addresses } = await instances(
    2,
    (_command, response, instance) => {
      if (draining === 0) draining = instance;
      if (instance === draining) response.writeHead(503).end('{"code":"SHUTTING_DOWN"}');
      else response.end('{}');
    },
    (instance) => ({ status: instance === draining ? 503 : 200, instanceId: `instance ${instance}` }),
  );
  const { address } = await gatewayTo(addresses, [tell('far')]);
  for (let count = 0; count < 3; count += 1)
    assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.equal(commands.length, 4);
});

test('an instance that is alive and not ready answers for itself, when none is ready', async () => {
  const unready = () => ({ status: 503, instanceId: 'unready' });
  const { addresses } = await instances(1, (_command, response) => response.end('{}'), unready);
  const { address } = await gatewayTo(addresses, [tell('far')]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
});

test('no more requests wait for a service than 2,000: the next is told at once', async () => {
  const { door } = await openDoor([]);
  const upstream = await upstreamTo([door.address()], 60_000);
  await door.stop();
  const outcomes = sendMany(upstream, 2_001);
  assert.deepEqual(await Promise.race(outcomes), { kind: 'overloaded' });
  await upstream.close();
  const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === 'overloaded').length, 1);
  assert.equal(kinds.filter((kind) => kind === 'unreachable').length, 2_000);
});

async function firstOf(upstream: Upstream, account: string): Promise<string | undefined> {
  for await (const instance of upstream.candidates(account)) return instance.address.origin;
  return undefined;
}

test('accounts are shared out over the instances, and when one goes only its accounts move', async () => {
  const { addresses } = await instances(3, () => undefined);
  const picks = async (among: readonly string[]): Promise<readonly (string | undefined)[]> => {
    const upstream = await upstreamTo(among, 0);
    const accounts = Array.from({ length: 60 }, (_, account) => `account ${account}`);
    return Promise.all(accounts.map((account) => firstOf(upstream, account)));
  };
  const before = await picks(addresses);
  assert.equal(new Set(before).size, 3);
  const [gone, ...left] = addresses;
  const after = await picks(left);
  assert.equal(new Set(after).size, 2);
  before.forEach((origin, account) => {
    if (origin !== gone) assert.equal(after[account], origin);
  });
});

test('an instance that is not ready gets no accounts while another is', async () => {
  const { addresses } = await instances(
    2,
    () => undefined,
    (instance) => ({ status: instance === 1 ? 200 : 503, instanceId: `instance ${instance}` }),
  );
  const upstream = await upstreamTo(addresses, 0);
  for (let account = 0; account < 20; account += 1)
    assert.equal(await firstOf(upstream, `account ${account}`), addresses[0]);
});

/** The runner's time limit ends it otherwise. */
async function seen(upstream: Upstream, states: readonly string[]): Promise<void> {
  const { timers } = createSystemRuntime();
  const now = () => upstream.view().map(({ state }) => state);
  while (JSON.stringify(now()) !== JSON.stringify(states)) await timers.sleep(20);
}

test('an instance that hangs with all its connections taken keeps nobody from seeing how the others are', {
  timeout: 30_000,
}, async () => {
  let second = 503;
  const { commands, addresses } = await instances(
    2,
    () => undefined,
    (instance) => ({ status: instance === 1 ? 200 : second, instanceId: `instance ${instance}` }),
  );
  const upstream = await upstreamTo(addresses, 0);
  void sendMany(upstream, 3);
  while (commands.length === 0) await createSystemRuntime().timers.yieldTurn();
  second = 200;
  await seen(upstream, ['ready', 'ready']);
});

test('one that does not say how it is for long holds up no other either', { timeout: 30_000 }, async () => {
  const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  cleanUpWith(async () => silent.close());
  let status = 503;
  const { addresses } = await instances(
    1,
    () => undefined,
    () => ({ status, instanceId: 'instance' }),
  );
  const { port } = silent.address() as AddressInfo;
  const upstream = await upstreamTo([`http://127.0.0.1:${port}`, ...addresses], 0);
  status = 200;
  await seen(upstream, ['down', 'ready']);
});

test('a name server that gives no answer takes no instance away, and keeps nobody from seeing how they are', {
  timeout: 30_000,
}, async () => {
  let status = 503;
  const { addresses } = await instances(
    1,
    () => undefined,
    () => ({ status, instanceId: 'instance' }),
  );
  const system = createSystemRuntime();
  const asked = Promise.withResolvers<string[]>();
  let names = 0;
  const upstream = await upstreamTo(
    addresses.map((address) => address.replace('127.0.0.1', 'order.internal')),
    0,
    {
      // Its names are looked up at every turn.
      runtime: { ...system, clock: { ...system.clock, monotonicMs: () => performance.now() * 1_000 } },
      resolve: () => {
        names += 1;
        return names === 1 ? Promise.resolve(['127.0.0.1']) : asked.promise;
      },
    },
  );
  while (names < 2) await system.timers.sleep(20);
  status = 200;
  await seen(upstream, ['ready']);
});

test('a name server that gives no answer at the start holds it up for so long and no longer', async () => {
  const system = createSystemRuntime();
  const limits: number[] = [];
  const sleep: Timers['sleep'] = async (durationMs, signal) => {
    limits.push(durationMs);
    if (durationMs < 1_000) await system.timers.sleep(durationMs, signal);
  };
  const upstream = await upstreamTo(['http://order.internal:1'], 0, {
    runtime: { ...system, timers: { ...system.timers, sleep } },
    resolve: () => new Promise(() => undefined),
  });
  assert.deepEqual(upstream.view(), []);
  assert.equal(limits[0], 5_000);
});
