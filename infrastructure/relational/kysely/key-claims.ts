/** Claims of idempotency keys. The database decides between instances: an insert happens once. */
import type { Selectable } from 'kysely';
import type { OrderId } from '#domain/data/identifiers.ts';
import { gatherReads } from '#infrastructure/common/gathered-reads.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { KeyClaim, KeyClaims } from '../stores.ts';
import { inStatements } from './batches.ts';
import { readInteger } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import type { KeyClaimsTable } from './tables.ts';

const ATTEMPTS = 3;

export function createKeyClaims({ tables, write }: RelationalDatabase): KeyClaims {
  /** Claims of the same moment share a commit. Answers which were not free. */
  const insert = gatherReads<KeyClaim, 'taken'>(
    async (claims) => {
      // By id, so that two writers lock in the same sequence.
      const inOrder = [...claims].sort((one, other) => (one.orderId < other.orderId ? -1 : 1));
      const changes = await write(
        inOrder.map((claim) =>
          tables
            .insertInto('key_claims')
            .values(toRow(claim))
            .onConflict((conflict) => conflict.column('order_id').doNothing()),
        ),
      );
      const taken = new Set(inOrder.filter((_, at) => changes[at] === 0));
      return claims.map((claim) => (taken.has(claim) ? 'taken' : null));
    },
    { readsAtOnce: 2 },
  );

  async function find(orderId: OrderId): Promise<KeyClaim | null> {
    const row = await tables
      .selectFrom('key_claims')
      .selectAll()
      .where('order_id', '=', orderId)
      .executeTakeFirst();
    return row === undefined ? null : toClaim(row);
  }

  return {
    async take(claim) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if ((await insert(claim)) === null) return null;
        const standing = await find(claim.orderId);
        // Released in between: it may be free now.
        if (standing !== null) return standing;
      }
      throw new OperatingError('STORE_UNAVAILABLE', 'The claim of an idempotency key changes all the time.', {
        retry: 'retry',
      });
    },

    async takeOver(former, claim) {
      const update = tables
        .updateTable('key_claims')
        .set({ body_digest: claim.bodyDigest, holder: claim.holder, claimed_at_ms: claim.claimedAtMs })
        .where('order_id', '=', claim.orderId)
        .where('holder', '=', former.holder);
      const [changed] = await write([update]);
      return changed === 1;
    },

    async release({ orderId, holder }) {
      await write([
        tables.deleteFrom('key_claims').where('order_id', '=', orderId).where('holder', '=', holder),
      ]);
    },

    async settle(orderIds) {
      const ids = [...orderIds].sort();
      if (ids.length === 0) return;
      await write(
        inStatements(ids).map((some) => tables.deleteFrom('key_claims').where('order_id', 'in', some)),
      );
    },

    async dropClaimedBefore(timeMs) {
      await write([tables.deleteFrom('key_claims').where('claimed_at_ms', '<', timeMs)]);
    },
  };
}

function toRow({ orderId, bodyDigest, holder, claimedAtMs }: KeyClaim) {
  return { order_id: orderId, body_digest: bodyDigest, holder, claimed_at_ms: claimedAtMs };
}

function toClaim(row: Selectable<KeyClaimsTable>): KeyClaim {
  return {
    orderId: row.order_id as OrderId,
    bodyDigest: row.body_digest,
    holder: row.holder,
    claimedAtMs: readInteger(row.claimed_at_ms),
  };
}
