/**
 * Follows `account_states` and writes portfolios.
 *
 * An account's positions come before its head, so they wait in memory until the head arrives: what is written is
 * always one whole commit. The position that may be committed is that of the oldest record still waiting, so a
 * restart reads the waiting ones again. What a failed write leaves behind is nothing: a batch is folded into copies
 * and these are kept only once the store has taken it.
 */
import type { AccountHeadEntity, PositionEntity } from '#domain/data/account-state.ts';
import { type AccountId, parseAccountId, parseSymbol, type Symbol } from '#domain/data/identifiers.ts';
import { readAccountState } from '#infrastructure/event-log/decode-once.ts';
import type { LogRecord, Position, TopicPartition } from '#infrastructure/event-log/event-log.ts';
import type { Portfolio, PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import { foldAccount } from './fold-account.ts';

export interface PortfolioConflict {
  readonly accountId: AccountId;
  readonly version: number;
  readonly storedHash: string;
  readonly receivedHash: string;
}

export interface AccountStatesReaderOptions {
  readonly store: Pick<PortfolioStore, 'put' | 'get'>;
  readonly cachedPortfolios: number;
  /** The store has it. */
  onWritten(portfolio: Portfolio): void;
  /** The same version with another state: an alarm. */
  onConflict(conflict: PortfolioConflict): void;
  /** To the dead letters. */
  onUnreadable(unreadable: readonly UnreadableState[]): Promise<void>;
}

export interface UnreadableState {
  readonly record: LogRecord;
  readonly reason: string;
}

interface Waiting {
  readonly firstOffset: number;
  readonly changes: Map<Symbol, PositionEntity | null>;
}

type WaitingAccounts = Map<AccountId, Waiting>;

/** An account's part of a batch: its commits in order, and what waits for a head that is yet to come. */
interface AccountBatch {
  readonly commits: {
    readonly head: AccountHeadEntity;
    readonly changes: Map<Symbol, PositionEntity | null>;
  }[];
  open: Waiting | null;
}

type Change =
  | { readonly kind: 'head'; readonly accountId: AccountId; readonly head: AccountHeadEntity }
  | {
      readonly kind: 'position';
      readonly accountId: AccountId;
      readonly symbol: Symbol;
      readonly position: PositionEntity | null;
    }
  /** Orders, prices, books: not a portfolio's business. */
  | { readonly kind: 'other' }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface ReadChange {
  readonly record: TopicPartition & Pick<LogRecord, 'offset'>;
  readonly change: Extract<Change, { accountId: AccountId }>;
}

export class AccountStatesReader {
  readonly #options: AccountStatesReaderOptions;
  readonly #waiting = new Map<number, WaitingAccounts>();
  /** Least recently used first. */
  readonly #cache = new Map<AccountId, Portfolio>();

  constructor(options: AccountStatesReaderOptions) {
    this.#options = options;
  }

  forget(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions) this.#waiting.delete(partition);
    this.#cache.clear();
  }

  async read(records: readonly LogRecord[]): Promise<readonly ReadChange[]> {
    const changes: ReadChange[] = [];
    const unreadable: UnreadableState[] = [];
    for (const record of records) {
      const change = changeOf(record);
      if (change.kind === 'unreadable') unreadable.push({ record, reason: change.reason });
      else if (change.kind !== 'other') changes.push({ record, change });
    }
    if (unreadable.length > 0) await this.#options.onUnreadable(unreadable);
    return changes;
  }

  /** `after`: the positions behind the records that `changes` come from. Answers those that may be committed. */
  async store(changes: readonly ReadChange[], after: readonly Position[]): Promise<readonly Position[]> {
    const batches = new Map<number, Map<AccountId, AccountBatch>>();
    for (const change of changes) this.#take(batches, change);
    await this.#write(batches);
    return after.map((position) => this.#settle(position, batches.get(position.partition)));
  }

  #take(batches: Map<number, Map<AccountId, AccountBatch>>, { record, change }: ReadChange): void {
    let accounts = batches.get(record.partition);
    if (accounts === undefined) {
      accounts = new Map();
      batches.set(record.partition, accounts);
    }
    let batch = accounts.get(change.accountId);
    if (batch === undefined) {
      const waiting = this.#waiting.get(record.partition)?.get(change.accountId);
      const open = waiting === undefined ? null : { ...waiting, changes: new Map(waiting.changes) };
      batch = { commits: [], open };
      accounts.set(change.accountId, batch);
    }
    if (change.kind === 'position') {
      batch.open ??= { firstOffset: record.offset, changes: new Map() };
      batch.open.changes.set(change.symbol, change.position);
    } else {
      batch.commits.push({ head: change.head, changes: batch.open?.changes ?? new Map() });
      batch.open = null;
    }
  }

  async #write(batches: ReadonlyMap<number, ReadonlyMap<AccountId, AccountBatch>>): Promise<void> {
    const changed = [...batches.values()].flatMap((accounts) =>
      [...accounts].filter(([, { commits }]) => commits.length > 0),
    );
    // Together: a store on a server reads many in one call.
    const bases = await Promise.all(changed.map(([accountId]) => this.#base(accountId)));
    const portfolios = changed
      .map(([, { commits }], at) => this.#foldCommits(bases[at] ?? null, commits))
      .filter((portfolio) => portfolio !== null);
    if (portfolios.length === 0) return;
    const outcomes = await this.#options.store.put(portfolios);
    portfolios.forEach((portfolio, at) => {
      const outcome = outcomes[at];
      const { userId: accountId, version, stateHash: receivedHash } = portfolio;
      if (outcome?.kind === 'conflict') {
        this.#options.onConflict({ accountId, version, storedHash: outcome.storedHash, receivedHash });
      }
      if (outcome?.kind === 'written') {
        this.#keep(portfolio);
        this.#options.onWritten(portfolio);
      } else this.#cache.delete(accountId);
    });
  }

  /** `null` when the store has all of it already. */
  #foldCommits(base: Portfolio | null, commits: AccountBatch['commits']): Portfolio | null {
    let portfolio = base;
    for (const { head, changes } of commits) {
      const { accountId, sequence: version, accountHash: receivedHash } = head;
      if (portfolio !== null && version === portfolio.version && receivedHash !== portfolio.stateHash) {
        this.#options.onConflict({ accountId, version, storedHash: portfolio.stateHash, receivedHash });
      }
      // Up to its version the base has everything; older changes must not be folded over newer ones.
      if (portfolio === null || version > portfolio.version)
        portfolio = foldAccount(portfolio, changes, head);
    }
    return portfolio === base ? null : portfolio;
  }

  async #base(accountId: AccountId): Promise<Portfolio | null> {
    return this.#cache.get(accountId) ?? (await this.#options.store.get(accountId));
  }

  #keep(portfolio: Portfolio): void {
    this.#cache.delete(portfolio.userId);
    this.#cache.set(portfolio.userId, portfolio);
    if (this.#cache.size <= this.#options.cachedPortfolios) return;
    const oldest = this.#cache.keys().next();
    if (oldest.done !== true) this.#cache.delete(oldest.value);
  }

  /** Keeps what waits, now that the store has the rest; the position that is safe to commit. */
  #settle(after: Position, accounts: ReadonlyMap<AccountId, AccountBatch> | undefined): Position {
    let waiting = this.#waiting.get(after.partition);
    if (waiting === undefined) {
      waiting = new Map();
      this.#waiting.set(after.partition, waiting);
    }
    for (const [accountId, { open }] of accounts ?? []) {
      if (open === null) waiting.delete(accountId);
      else waiting.set(accountId, open);
    }
    let offset = after.offset;
    for (const { firstOffset } of waiting.values()) offset = Math.min(offset, firstOffset);
    return { ...after, offset };
  }
}

function changeOf(record: LogRecord): Change {
  const key = record.key ?? '';
  const isPosition = key.startsWith('position/');
  if (!isPosition && !key.startsWith('account/')) return { kind: 'other' };
  const [, accountText = '', symbolText = ''] = key.split('/');
  const accountId = parseAccountId(accountText);
  if (accountId === null) return { kind: 'unreadable', reason: 'the key names no account' };
  if (record.value === null) {
    const symbol = parseSymbol(symbolText);
    if (!isPosition) return { kind: 'unreadable', reason: 'an account is never removed' };
    if (symbol === null) return { kind: 'unreadable', reason: 'the key names no symbol' };
    return { kind: 'position', accountId, symbol, position: null };
  }
  const decoded = readAccountState(record.value);
  if (decoded.kind === 'unreadable') return { kind: 'unreadable', reason: decoded.reason };
  const entity = decoded.value;
  if (entity.kind === 'account' && entity.accountId === accountId)
    return { kind: 'head', accountId, head: entity };
  if (entity.kind === 'position' && entity.accountId === accountId) {
    return { kind: 'position', accountId, symbol: entity.symbol, position: entity };
  }
  return { kind: 'unreadable', reason: 'the record is another entity than its key says' };
}
