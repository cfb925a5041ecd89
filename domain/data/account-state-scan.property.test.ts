/** That what is scanned from a record's bytes is what its general reader reads of them, whatever the bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyAccountStateEntity } from '#tests/support/arbitrary-outputs.ts';
import type { AccountStateEntity } from './account-state.ts';
import { decodeAccountStateEntity } from './account-state-codec.ts';
import { type ScannedState, scanAccountState } from './account-state-scan.ts';
import { encodeAccountStateEntity } from './account-state-writer.ts';
import type { Money, Quantity } from './decimal.ts';
import type { AccountId, CommandId, OrderId, Symbol } from './identifiers.ts';
import { MAX_TIMESTAMP_MS } from './timestamp.ts';

function digitsOf(words: Int32Array): string {
  return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

function uuidOf(words: Int32Array): string {
  return digitsOf(words).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** With texts for its words, as the general reader gives it. */
function spelt(scanned: ScannedState): AccountStateEntity {
  if (scanned.kind === 'account_command') return scanned;
  const accountId = uuidOf(scanned.accountId) as AccountId;
  if (scanned.kind !== 'closed_order') return { ...scanned, accountId };
  const orderId = uuidOf(scanned.orderId) as OrderId;
  return { ...scanned, accountId, orderId, bodyDigest: digitsOf(scanned.bodyDigest) };
}

/** Says whether it was scanned. */
function assertSame(bytes: Uint8Array): boolean {
  const scanned = scanAccountState(bytes);
  if (scanned === null) return false;
  assert.deepEqual({ kind: 'decoded', value: spelt(scanned) }, decodeAccountStateEntity(bytes));
  return true;
}

const ACCOUNT = 'a0000000-0000-4000-8000-0123456789ab' as AccountId;
const common: readonly AccountStateEntity[] = [
  {
    kind: 'account',
    accountId: ACCOUNT,
    name: 'Ada Lovelace',
    cash: 99_876_543_210_000n as Money,
    cashReserved: 10_000_000n as Money,
    sequence: 22,
    killSwitchEngaged: false,
    breaker: { state: 'OPEN' },
    dayResult: -12_500_000_000n as Money,
    resultDay: 17_938,
    accountHash: '0123456789abcdef0123456789abcdef',
    updatedAtMs: 1_549_897_200_000,
  },
  {
    kind: 'account',
    accountId: ACCOUNT,
    name: 'Grace Hopper',
    cash: 0n as Money,
    cashReserved: 0n as Money,
    sequence: 23,
    killSwitchEngaged: true,
    breaker: { state: 'QUIET_PERIOD', untilMs: 1_549_897_500_000 },
    dayResult: 0n as Money,
    resultDay: 0,
    accountHash: '0123456789abcdef0123456789abcdef',
    updatedAtMs: 1_549_897_200_000,
  },
  {
    kind: 'position',
    accountId: ACCOUNT,
    symbol: 'BRK.B' as Symbol,
    quantity: 1_500_000_000n as Quantity,
    reserved: 0n as Quantity,
    costBasis: 100_010_000_000n as Money,
    realisedProfit: -20_000_000n as Money,
    liquidityUsed: { sequence: 7, bought: 1_000_000_000n as Quantity, sold: 0n as Quantity },
  },
  {
    kind: 'closed_order',
    closingNumber: 49_999,
    accountId: ACCOUNT,
    orderId: 'ffffffff-ffff-4fff-bfff-fedcba987654' as OrderId,
    bodyDigest: 'fe'.repeat(32),
    status: 'EXPIRED',
    filledQuantity: 0n as Quantity,
  },
  {
    kind: 'account_command',
    commandNumber: 0,
    commandId: 'c0000000-0000-4000-8000-000000000001' as CommandId,
    fingerprint: `deposit ${ACCOUNT} 100000.5`,
  },
];
const anyEntity = fc.oneof(anyAccountStateEntity, fc.constantFrom(...common));

test('what accounts, positions, closed orders and account commands are written as is scanned', () => {
  for (const entity of common) assert.ok(assertSame(encodeAccountStateEntity(entity)), entity.kind);
});

test('the end of a quiet period is a moment after 1970 began and within the years that there are', () => {
  const quiet = common.find((entity) => entity.kind === 'account' && entity.breaker.state === 'QUIET_PERIOD');
  assert.ok(quiet?.kind === 'account');
  const endingAt = (untilMs: number) =>
    encodeAccountStateEntity({ ...quiet, breaker: { state: 'QUIET_PERIOD', untilMs } });
  for (const untilMs of [1, MAX_TIMESTAMP_MS]) assert.ok(assertSame(endingAt(untilMs)), String(untilMs));
  for (const untilMs of [0, MAX_TIMESTAMP_MS + 1]) {
    assert.equal(assertSame(endingAt(untilMs)), false, String(untilMs));
    assert.equal(decodeAccountStateEntity(endingAt(untilMs)).kind, 'unreadable', String(untilMs));
  }
});

test('whatever is scanned is what the general reader reads', () => {
  fc.assert(
    fc.property(anyEntity, (entity) => {
      assertSame(encodeAccountStateEntity(entity));
    }),
    { numRuns: 500 },
  );
});

test('bytes that were changed, cut or added are read by both in the same way, or not scanned', () => {
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(...Array.from('"\\{},:.-+0159aAfF', (mark) => mark.charCodeAt(0))),
  );
  fc.assert(
    fc.property(anyEntity, fc.nat(), byte, (entity, pick, by) => {
      const bytes = encodeAccountStateEntity(entity);
      const at = pick % bytes.length;
      assertSame(bytes.with(at, by));
      assertSame(bytes.subarray(0, at));
      assertSame(Uint8Array.of(...bytes, by));
      assertSame(Uint8Array.of(...bytes.subarray(0, at), by, ...bytes.subarray(at)));
      assertSame(Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1)));
    }),
    { numRuns: 2_000 },
  );
});

test('a sign, a zero or a point wherever it does not belong is scanned nowhere', () => {
  for (const entity of common) {
    const bytes = encodeAccountStateEntity(entity);
    for (const mark of Array.from('-0.', (each) => each.charCodeAt(0))) {
      for (let at = 0; at <= bytes.length; at += 1) {
        assertSame(Uint8Array.of(...bytes.subarray(0, at), mark, ...bytes.subarray(at)));
      }
    }
  }
});
