/** What claims of idempotency keys must do on every database: a part of the contract of the relational stores. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OrderId } from '#domain/data/identifiers.ts';
import type { KeyClaim, KeyClaims } from './stores.ts';

const START_MS = 1_549_895_400_000;

function keyClaim(number: number, holder: string): KeyClaim {
  return {
    orderId: `00000000-0000-4000-9000-${String(number).padStart(12, '0')}` as OrderId,
    bodyDigest: `digest-${number}`,
    holder,
    claimedAtMs: START_MS + number,
  };
}

/** `claims` answers those of the store that is open now. */
export function registerKeyClaimsContract(claims: () => KeyClaims, reopen: () => Promise<void>): void {
  describe('claims of idempotency keys', () => {
    test('of many who take one at once one gets it, and the others are told whose it is', async () => {
      const keyClaims = claims();
      const asked = Array.from({ length: 20 }, (_, number) => keyClaim(1, `h${number}`));
      const answers = await Promise.all(asked.map((claim) => keyClaims.take(claim)));
      const winners = asked.filter((_, at) => answers[at] === null);
      assert.equal(winners.length, 1);
      for (const standing of answers) if (standing !== null) assert.deepEqual(standing, winners[0]);
      await reopen();
      assert.deepEqual(await claims().take(keyClaim(1, 'later')), winners[0]);
      assert.equal(await claims().take(keyClaim(2, 'later')), null, 'another key is free');
    });

    test('only its holder releases it, and it is taken over from the one who has it only', async () => {
      const keyClaims = claims();
      const [first, second, third] = [keyClaim(1, 'a'), keyClaim(1, 'b'), keyClaim(1, 'c')];
      assert.equal(await keyClaims.take(first), null);
      await keyClaims.release(second);
      assert.equal(await keyClaims.takeOver(first, second), true);
      assert.equal(await keyClaims.takeOver(first, third), false);
      await keyClaims.release(first);
      assert.deepEqual(await keyClaims.take(third), second);
      await keyClaims.release(second);
      assert.equal(await keyClaims.take(third), null);
    });

    test('it goes with its order being indexed, or with time', async () => {
      const keyClaims = claims();
      const all = Array.from({ length: 300 }, (_, number) => keyClaim(number, 'a'));
      for (const claim of all) assert.equal(await keyClaims.take(claim), null);
      await keyClaims.settle([]);
      await keyClaims.settle(all.slice(2).map(({ orderId }) => orderId));
      await keyClaims.dropClaimedBefore(START_MS + 1);
      const standing = await Promise.all(all.map((claim) => keyClaims.take({ ...claim, holder: 'b' })));
      assert.deepEqual(
        standing.filter((claim) => claim !== null),
        [all[1]],
      );
    });
  });
}
