/** Entities on the wire: whatever bytes come, an entity or the field and the rule. (Round trips: the core's restore.) */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountStateEntity } from './account-state.ts';
import { decodeAccountStateEntity } from './account-state-codec.ts';
import { entityKey } from './account-state-key.ts';
import { encodeAccountStateEntity } from './account-state-writer.ts';
import type { Money, Price, Quantity, Rate } from './decimal.ts';
import type { AccountId, CommandId, OrderId, Symbol } from './identifiers.ts';

const accountId = 'a0000000-0000-4000-8000-000000000000' as AccountId;
const order: AccountStateEntity = {
  kind: 'order',
  accountId,
  orderId: 'b0000000-0000-4000-8000-000000000000' as OrderId,
  acceptanceNumber: 1,
  symbol: 'AAPL' as Symbol,
  quantity: 1_500_000_000n as Quantity,
  intent: { side: 'BUY', type: 'LIMIT', limitPrice: 10n as Price, reservedCash: 20n as Money },
  lifetime: { timeInForce: 'DAY', expiresAtMs: 86_400_000 },
  progress: { kind: 'unfilled' },
  fees: { perShare: 0n as Money, rate: 1n as Rate, minimumPerOrder: 0n as Money },
  clientOrderId: null,
  bodyDigest: 'd',
  acceptedAtMs: 0,
};
const head: AccountStateEntity = {
  kind: 'head',
  partition: 3,
  nextInputOffset: 7,
  lastCommandId: 'c' as CommandId,
  inputsApplied: 7,
  stateHash: 'ff',
};
const ledger: AccountStateEntity = {
  kind: 'ledger',
  asset: 'USD',
  outside: -(10n ** 25n),
  venue: 10n ** 25n + 1n,
  fees: -1n,
  clearing: 0n,
  accounts: 0n,
};

test('what is written is read back, under the key of its kind', () => {
  for (const [entity, key] of [
    [order, `order/${accountId}/${order.orderId}`],
    [head, 'head'],
    [ledger, 'ledger/USD'],
  ] as const) {
    assert.deepEqual(decodeAccountStateEntity(encodeAccountStateEntity(entity)), {
      kind: 'decoded',
      value: entity,
    });
    assert.equal(entityKey(entity), key);
  }
});

test('an entity with a broken field is unreadable, naming field and rule', () => {
  const text = new TextDecoder().decode(encodeAccountStateEntity(order));
  for (const [from, to, field, rule] of [
    ['"quantity":"1.5"', '"quantity":1.5', 'quantity', 'type'],
    ['"timeInForce":"DAY"', '"timeInForce":"FOK"', 'lifetime.timeInForce', 'enum'],
    ['"side":"BUY"', '"side":"HOLD"', 'intent.side', 'enum'],
    ['"acceptedAtMs":0', '"acceptedAtMs":0.5', 'acceptedAtMs', 'timestamp'],
    ['"kind":"order"', '"kind":"future"', 'kind', 'enum'],
  ] as const) {
    assert.ok(text.includes(from), from);
    const decoded = decodeAccountStateEntity(new TextEncoder().encode(text.replace(from, to)));
    assert.ok(decoded.kind === 'unreadable');
    assert.deepEqual(decoded.errors.map((issue) => [issue.field, issue.rule])[0], [field, rule]);
  }
});

test('garbage never throws', () => {
  const kinds = fc.constantFrom(
    'account',
    'position',
    'order',
    'closed_order',
    'price',
    'ledger',
    'controls',
    'counters',
    'head',
  );
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .record({ kind: kinds, value: fc.dictionary(fc.string(), fc.jsonValue()) })
      .map(({ kind, value }) => new TextEncoder().encode(JSON.stringify({ ...value, kind }))),
  );
  fc.assert(
    fc.property(garbage, (bytes) => assert.equal(decodeAccountStateEntity(bytes).kind, 'unreadable')),
  );
});
