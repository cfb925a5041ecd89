/** What a client reads when an instance may have taken its request and did not say so. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Route } from '#infrastructure/core/http.ts';
import { CREDENTIALS } from '../gateway.testing.ts';
import { cleanUp, gatewayTo, instances, post, tell } from './proxy.testing.ts';

afterEach(cleanUp);

interface Read {
  readonly status: number;
  readonly code: unknown;
  readonly idempotencyKey: unknown;
}

async function read(answering: Promise<Response>): Promise<Read> {
  const answer = await answering;
  const body = (await answer.json()) as Record<string, unknown>;
  return { status: answer.status, code: body['code'], idempotencyKey: body['idempotencyKey'] };
}

/** A gateway to two instances: the first command is cut after it was taken, the next ones are answered with this. */
async function cutThen(status: number, body: string, route: Route = tell('far')) {
  const { commands, addresses } = await instances(2, (command, response) => {
    if (command === 1) response.destroy();
    else response.writeHead(status).end(body);
  });
  const { address } = await gatewayTo(addresses, [route]);
  return { commands, address };
}

test('an order may be taken by an instance that dies with no other there: its client is told so, and the key to repeat it with', async () => {
  const { commands, addresses } = await instances(1, (command, response) => {
    if (command === 1) response.destroy();
    else response.end('{}');
  });
  const { address } = await gatewayTo(addresses, [tell('far')]);
  const { status, code, idempotencyKey } = await read(post(address, '/v1/tell/1', {}));
  assert.deepEqual([status, code], [503, 'OUTCOME_UNKNOWN']);
  assert.ok(typeof idempotencyKey === 'string');
  while ((await post(address, '/v1/tell/1', {}, { 'x-idempotency-key': idempotencyKey })).status !== 200);
  assert.deepEqual(
    commands.map((headers) => headers['x-idempotency-key']),
    [idempotencyKey, idempotencyKey],
  );
});

test('what the repeat was refused for says nothing of the first time: the outcome stays unknown', async () => {
  for (const [status, code] of [
    [503, 'DEPENDENCY_UNAVAILABLE'],
    [503, 'OVERLOADED'],
    [500, 'LOG_UNWRITABLE'],
  ] as const) {
    const { commands, address } = await cutThen(status, JSON.stringify({ code }));
    const answer = await read(post(address, '/v1/tell/1', {}));
    const key = commands[0]?.['x-idempotency-key'];
    assert.deepEqual(answer, { status: 503, code: 'OUTCOME_UNKNOWN', idempotencyKey: key }, code);
    assert.equal(commands.length, 2);
  }
});

test('what the repeat was answered is the answer', async () => {
  for (const status of [202, 402]) {
    const { address } = await cutThen(status, '{"code":"this"}');
    assert.deepEqual(await read(post(address, '/v1/tell/1', {})), {
      status,
      code: 'this',
      idempotencyKey: undefined,
    });
  }
});

test('a key in a request that knows none does not make it one that can be repeated', async () => {
  const { headers: _headers, ...schema } = tell('far').schema;
  const { commands, address } = await cutThen(200, '{}', { ...tell('far'), schema });
  const answer = await read(post(address, '/v1/tell/1', {}, { 'x-idempotency-key': 'mine' }));
  assert.deepEqual(answer, { status: 503, code: 'OUTCOME_UNKNOWN', idempotencyKey: undefined });
  assert.equal(commands.length, 1);
});

test('of what changes nothing nothing is unknown: the refusal of its repeat, or that none answered', async () => {
  const { body: _body, headers: _headers, ...schema } = tell('far').schema;
  const route: Route = { ...tell('far'), method: 'GET', schema };
  const get = (address: string) => read(fetch(`${address}/v1/tell/1`, { headers: CREDENTIALS }));
  const { address } = await cutThen(503, '{"code":"NOT_READY"}', route);
  assert.deepEqual(await get(address), { status: 503, code: 'NOT_READY', idempotencyKey: undefined });
  const silent = await instances(1, () => undefined);
  const late = await gatewayTo(silent.addresses, [route], { config: { upstreamTimeoutMs: 100 } });
  const answer = await get(late.address);
  assert.deepEqual([answer.status, answer.code], [503, 'DEPENDENCY_UNAVAILABLE']);
});
