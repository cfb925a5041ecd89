/**
 * Whether an idempotency key was used before its request, as far as this instance's memory does not know.
 *
 * The order index says so, but it is behind by a moment. Where several instances place orders an account's requests may
 * change from one to another meanwhile, so each claims the key in the database that they share before it appends:
 *
 *   free ──take──▶ claimed ──indexed──▶ used
 *     ▲               │ └──its request ended without a word: taken over, once the index shows that nothing came of it
 *     └───refused─────┘
 */
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { KeyClaim, KeyClaims, OrderIndex } from '#infrastructure/relational/stores.ts';
import type { IndexLag } from './index-lag.ts';

export interface KeyUseParts {
  readonly orders: Pick<OrderIndex, 'get'>;
  /** `null` where no other instance places orders. */
  readonly keyClaims: Pick<KeyClaims, 'take' | 'takeOver' | 'release'> | null;
  readonly indexLag: Pick<IndexLag, 'trouble' | 'reached'>;
  readonly runtime: Pick<Runtime, 'clock' | 'ids'>;
  readonly logger: Logger;
}

export type KeyUse =
  /** To be released if nothing comes of the request, and nothing may have. */
  | { readonly kind: 'free'; release(): Promise<void> }
  | { readonly kind: 'used'; readonly bodyDigest: string }
  | { readonly kind: 'untold'; readonly why: string };

/** No request is under way for so long. Clocks of instances may differ by some of it. */
const ABANDONED_AFTER_MS = 60_000;

export function createKeyUse({ orders, keyClaims, indexLag, runtime, logger }: KeyUseParts) {
  /** Throws an `OperatingError` when the database cannot be asked. */
  async function useOf(accountId: AccountId, orderId: OrderId, bodyDigest: string): Promise<KeyUse> {
    const trouble = indexLag.trouble();
    if (trouble !== null) {
      return untold(`Whether the idempotency key was used before cannot be told: ${trouble}.`);
    }
    if (keyClaims === null) return (await indexed(orderId)) ?? { kind: 'free', async release() {} };
    const claim = { orderId, bodyDigest, holder: runtime.ids.uuid(), claimedAtMs: runtime.clock.nowMs() };
    const standing = await keyClaims.take(claim);
    let isShared = false;
    if (standing !== null) {
      const isRecent = claim.claimedAtMs - standing.claimedAtMs < ABANDONED_AFTER_MS;
      if (standing.bodyDigest !== bodyDigest && isRecent) {
        return { kind: 'used', bodyDigest: standing.bodyDigest };
      }
      if (!(await indexLag.reached(accountId))) {
        return untold('The idempotency key came before, and the order index is behind.');
      }
      const former = await indexed(orderId);
      if (former !== null) return former;
      if (!(await keyClaims.takeOver(standing, claim))) {
        return untold('Another request with this idempotency key is under way.');
      }
      // Its request may still place the order, after this one was refused.
      isShared = isRecent;
    }
    // Looked at only now: a claim goes when the index has its order, so one of both is seen.
    const former = await indexed(orderId);
    if (former === null) return { kind: 'free', release: isShared ? async () => {} : () => release(claim) };
    await release(claim);
    return former;
  }

  async function indexed(orderId: OrderId): Promise<Exclude<KeyUse, { kind: 'free' }> | null> {
    const row = await orders.get(orderId);
    if (row === null) return null;
    // An update came before the acceptance; the acceptance follows at once.
    if (row.bodyDigest === '') return untold('The order is being indexed.');
    return { kind: 'used', bodyDigest: row.bodyDigest };
  }

  /** If it fails the key stays bound to its body until the claim counts as abandoned. */
  async function release(claim: KeyClaim): Promise<void> {
    try {
      await keyClaims?.release(claim);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ code: error.code, error: error.message }, 'the claim of an idempotency key stays');
    }
  }

  return useOf;
}

function untold(why: string): { readonly kind: 'untold'; readonly why: string } {
  return { kind: 'untold', why };
}
