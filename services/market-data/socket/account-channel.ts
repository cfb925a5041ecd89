/**
 * The channels `account:{userId}`: order updates to the account's own sockets, complete and in order.
 *
 * Recent updates are kept for clients that come back: some per account, some in total; the account that has been
 * quiet longest loses all of its own first. They are kept as the log has them and read only when somebody listens,
 * since most accounts have no socket open.
 *
 * The account's sequence counts more than order updates, so it has gaps here; completeness is known from the place
 * in the log instead: what is kept of an account is a run of its updates without an omission.
 */
import type { Decoded, FieldIssue } from '#domain/data/decoded.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { Outbox } from './outbox.ts';
import { eventFrame, type PhoenixVersion, type Ref } from './phoenix-frames.ts';

export const ACCOUNT_TOPIC_PREFIX = 'account:';

/** An order update as clients get it: `json` is the event's payload with its id, time and sequence. */
export interface WireUpdate {
  readonly sequence: number;
  readonly json: string;
}

export interface AccountSubscription {
  readonly accountId: AccountId;
  readonly topic: string;
  readonly outbox: Outbox;
  readonly version: PhoenixVersion;
  readonly joinRef: Ref;
  /** The subscription cannot be complete any more: the client is told to join again. */
  fail(): void;
}

export interface AccountChannelsOptions {
  readonly maxPerAccount: number;
  readonly maxTotal: number;
  readonly read: (bytes: Uint8Array) => Decoded<WireUpdate>;
  /** Told of each update that somebody would have got and that cannot be read. */
  readonly onUnreadable: (accountId: AccountId, errors: readonly FieldIssue[]) => void;
}

interface Kept {
  readonly bytes: Uint8Array;
  update: WireUpdate | null;
}

export class AccountChannels {
  readonly #options: AccountChannelsOptions;
  /** In order of the last update, the quietest account first. */
  readonly #kept = new Map<AccountId, Kept[]>();
  readonly #subscriptions = new Map<AccountId, Set<AccountSubscription>>();
  #total = 0;

  constructor(options: AccountChannelsOptions) {
    this.#options = options;
  }

  record(accountId: AccountId, bytes: Uint8Array): void {
    const entry: Kept = { bytes, update: null };
    this.#keep(accountId, entry);
    const listening = this.#subscriptions.get(accountId);
    if (listening === undefined) return;
    const update = this.#read(accountId, entry);
    if (update === null) {
      this.#drop(accountId);
      for (const subscription of [...listening]) subscription.fail();
      return;
    }
    const frames: [string | null, string | null] = [null, null];
    for (const subscription of [...listening]) {
      const { version, topic } = subscription;
      const frame = frames[version - 1] ?? eventFrame(version, topic, 'order_update', update.json);
      frames[version - 1] = frame;
      subscription.outbox.deliver(frame);
    }
  }

  /** The account's recent updates, oldest first, without an omission. */
  recent(accountId: AccountId): readonly WireUpdate[] {
    let updates: WireUpdate[] = [];
    for (const entry of this.#kept.get(accountId) ?? []) {
      const update = this.#read(accountId, entry);
      // What lies before one that cannot be read is no complete run.
      if (update === null) updates = [];
      else updates.push(update);
    }
    return updates;
  }

  subscribe(subscription: AccountSubscription): void {
    const listening = this.#subscriptions.get(subscription.accountId) ?? new Set();
    listening.add(subscription);
    this.#subscriptions.set(subscription.accountId, listening);
  }

  unsubscribe(subscription: AccountSubscription): void {
    const listening = this.#subscriptions.get(subscription.accountId);
    listening?.delete(subscription);
    if (listening?.size === 0) this.#subscriptions.delete(subscription.accountId);
  }

  #read(accountId: AccountId, entry: Kept): WireUpdate | null {
    if (entry.update !== null) return entry.update;
    const decoded = this.#options.read(entry.bytes);
    if (decoded.kind === 'unreadable') {
      this.#options.onUnreadable(accountId, decoded.errors);
      return null;
    }
    entry.update = decoded.value;
    return decoded.value;
  }

  #keep(accountId: AccountId, entry: Kept): void {
    const entries = this.#kept.get(accountId) ?? [];
    entries.push(entry);
    this.#total += 1;
    if (entries.length > this.#options.maxPerAccount) {
      entries.shift();
      this.#total -= 1;
    }
    this.#kept.delete(accountId);
    this.#kept.set(accountId, entries);
    while (this.#total > this.#options.maxTotal) {
      const [quietest] = this.#kept.keys();
      if (quietest === undefined) return;
      this.#drop(quietest);
    }
  }

  #drop(accountId: AccountId): void {
    this.#total -= this.#kept.get(accountId)?.length ?? 0;
    this.#kept.delete(accountId);
  }
}
