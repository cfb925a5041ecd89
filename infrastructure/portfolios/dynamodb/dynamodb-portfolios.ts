/**
 * The portfolio store on DynamoDB: an item per account, written only over an older version, read consistently.
 *
 * The version is the condition of the write itself, so it holds whoever else writes. What stands in the way comes back
 * with the refusal. Many accounts are written by transactions (writes-together.ts), and
 * an account too large for an item by one of its own, by which it is read too (portfolio-items.ts).
 *
 * Listing: a hash key has no order, so a walk through all accounts reads all ids first and keeps them. It is for
 * verification; nothing else asks for it.
 */
import assert from 'node:assert';
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  ScanCommand,
  TransactGetItemsCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { AccountId } from '#domain/data/identifiers.ts';
import { gatherReads } from '#infrastructure/common/gathered-reads.ts';
import { inParallel } from '#infrastructure/common/in-parallel.ts';
import { WatchedLosses } from '#infrastructure/common/store-losses.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import {
  PORTFOLIO_PAGE_LIMIT_MAX,
  type Portfolio,
  type PortfolioStore,
  type PutOutcome,
} from '../portfolios.ts';
import { assertPossible } from '../possible-portfolio.ts';
import {
  CONNECTIONS_MAX,
  connectPortfolioTable,
  type DynamoDbConnection,
  type DynamoDbOptions,
  type PortfolioTable,
} from './dynamodb-client.ts';
import {
  damagedItem,
  type Item,
  itemKey,
  readHead,
  SYMBOLS_MAX,
  toItems,
  toPortfolio,
} from './portfolio-items.ts';
import { requirePortfolioTable, tableAsPart } from './portfolio-table.ts';
import { inTheWay, transactionsOf, type Write, writeTogether } from './writes-together.ts';

/** `connect` is for tests of what no server here answers. */
export async function openDynamoDbPortfolios(
  options: DynamoDbOptions,
  connect?: (region: string, endpoint: string | null) => DynamoDbConnection,
): Promise<PortfolioStore> {
  const table = connectPortfolioTable(options, connect);
  try {
    await requirePortfolioTable(table);
  } catch (error) {
    table.client.destroy();
    throw error;
  }
  const losses = new WatchedLosses({
    store: 'The portfolio store',
    parts: () => tableAsPart(table),
    ...options,
  });
  return new DynamoDbPortfolios(table, losses);
}

/** A transaction of megabytes, the largest there is, takes its time. */
const LARGE_TIMEOUT_MS = 15_000;

/** DynamoDB takes no more keys in one call. */
const KEYS_PER_READ = 100;
/** A call costs the client most of what it costs, so that those who ask meanwhile share the next one. */
const READS_AT_ONCE = 8;

/** Over an older version; and `:known` is how many parts this write replaces or removes. */
const OVER_AN_OLDER = 'attribute_not_exists(userId) OR (version < :version AND parts <= :known)';

type Written =
  /** `attempt` counts from 1: after an earlier one of unknown outcome, what stands in the way may be our own. */
  | { readonly kind: 'written' }
  | { readonly kind: 'in-the-way'; readonly head: Item; readonly attempt: number };

class DynamoDbPortfolios implements PortfolioStore {
  readonly losses: WatchedLosses;
  readonly #table: PortfolioTable;
  readonly #headOf: (userId: AccountId) => Promise<Item | null>;
  /** All ids in order, while a listing walks through them. */
  #walk: readonly AccountId[] | null = null;
  #closed = false;

  constructor(table: PortfolioTable, losses: WatchedLosses) {
    this.#table = table;
    this.losses = losses;
    this.#headOf = gatherReads((userIds) => this.#readHeads(userIds), {
      itemsPerRead: KEYS_PER_READ,
      readsAtOnce: READS_AT_ONCE,
    });
  }

  async put(portfolios: readonly Portfolio[]): Promise<readonly PutOutcome[]> {
    for (const portfolio of portfolios) {
      assertPossible(portfolio);
      requireStorable(portfolio);
    }
    this.#requireOpen();
    const ofAccount = [...Map.groupBy(portfolios.entries(), ([, { userId }]) => userId).values()];
    const together = await this.#putTogether(
      ofAccount.flatMap(([first]) => (first === undefined ? [] : [first[1]])),
    );
    const outcomes: PutOutcome[] = new Array(portfolios.length);
    // Items of one account go one after another, in their order; accounts side by side.
    await inParallel(ofAccount, CONNECTIONS_MAX, async (own) => {
      for (const [at, portfolio] of own) {
        const known = together.get(portfolio.userId);
        together.delete(portfolio.userId);
        outcomes[at] = known ?? (await this.#putOne(portfolio));
      }
    });
    return outcomes;
  }

  /** Of different accounts; those that have to be written alone are not in the answer. */
  async #putTogether(portfolios: readonly Portfolio[]): Promise<Map<AccountId, PutOutcome>> {
    const writes: Write[] = [];
    for (const portfolio of portfolios) {
      const [head, ...parts] = toItems(portfolio);
      if (parts.length === 0) writes.push({ portfolio, put: this.#putOf(portfolio, head, 0) });
    }
    const outcomes = new Map<AccountId, PutOutcome>();
    await inParallel(transactionsOf(writes), CONNECTIONS_MAX, async (some) => {
      const answers = await writeTogether(this.#table, some);
      some.forEach(({ portfolio: { userId } }, at) => {
        const answer = answers[at];
        if (answer !== undefined && answer !== null) outcomes.set(userId, answer);
      });
    });
    return outcomes;
  }

  async get(userId: AccountId): Promise<Portfolio | null> {
    this.#requireOpen();
    const found = await this.#headOf(userId);
    if (found === null) return null;
    let head = found;
    let parts: readonly Item[] = [];
    // Until head and parts are of one moment: a write in between may have changed how many there are.
    for (let asked = readHead(head).parts; asked > 0; asked = readHead(head).parts) {
      [head, ...parts] = await this.#readTogether(userId, asked);
      if (readHead(head).parts === asked) break;
      parts = [];
    }
    return toPortfolio(head, parts);
  }

  async isEmpty(): Promise<boolean> {
    this.#requireOpen();
    const command = new ScanCommand({ TableName: this.#table.name, ConsistentRead: true, Limit: 1 });
    const { Items = [] } = await this.#call('portfolios.is_empty', (abortSignal) =>
      this.#table.client.send(command, { abortSignal }),
    );
    return Items.length === 0;
  }

  async list(after: AccountId | null, limit: number): Promise<readonly Portfolio[]> {
    assert(
      Number.isInteger(limit) && limit >= 1 && limit <= PORTFOLIO_PAGE_LIMIT_MAX,
      'a page has 1 to 10,000 portfolios',
    );
    this.#requireOpen();
    if (after === null || this.#walk === null) this.#walk = await this.#allIds();
    const rest = after === null ? this.#walk : this.#walk.filter((userId) => userId > after);
    const page = await inParallel(rest.slice(0, limit), CONNECTIONS_MAX, (userId) => this.get(userId));
    if (rest.length <= limit) this.#walk = null;
    return page.filter((portfolio) => portfolio !== null);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.losses.stop();
    this.#table.client.destroy();
  }

  async #putOne(portfolio: Portfolio): Promise<PutOutcome> {
    const items = toItems(portfolio);
    for (let knownParts = items.length - 1; ; ) {
      const written = await this.#write(portfolio, items, knownParts);
      if (written.kind === 'written') return written;
      const outcome = inTheWay(portfolio, written.head, written.attempt);
      if (outcome !== null) return outcome;
      const { parts } = readHead(written.head);
      assert(parts > knownParts, 'an older version is in the way only by parts that must go with it');
      knownParts = parts;
    }
  }

  #putOf({ version }: Portfolio, head: Item, knownParts: number) {
    return {
      TableName: this.#table.name,
      Item: { ...head },
      ConditionExpression: OVER_AN_OLDER,
      ExpressionAttributeValues: {
        ':version': { N: String(version) },
        ':known': { N: String(knownParts) },
      },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    };
  }

  #write(
    portfolio: Portfolio,
    [head, ...parts]: readonly [Item, ...Item[]],
    knownParts: number,
  ): Promise<Written> {
    const TableName = this.#table.name;
    const put = this.#putOf(portfolio, head, knownParts);
    const others: TransactWriteItem[] = parts.map((part) => ({ Put: { TableName, Item: { ...part } } }));
    for (let gone = parts.length + 1; gone <= knownParts; gone += 1) {
      others.push({ Delete: { TableName, Key: keyOf(portfolio.userId, gone) } });
    }
    const [what, timeoutMs] =
      others.length === 0 ? ['portfolios.put', undefined] : ['portfolios.put_large', LARGE_TIMEOUT_MS];
    let attempt = 0;
    const task = async (abortSignal: AbortSignal): Promise<Written> => {
      attempt += 1;
      try {
        if (others.length === 0) await this.#table.client.send(new PutItemCommand(put), { abortSignal });
        else {
          const command = new TransactWriteItemsCommand({ TransactItems: [{ Put: put }, ...others] });
          await this.#table.client.send(command, { abortSignal });
        }
        return { kind: 'written' };
      } catch (error) {
        const inTheWay = headInTheWay(error);
        if (inTheWay === null) throw error;
        return { kind: 'in-the-way', head: inTheWay, attempt };
      }
    };
    return this.#call(what, task, timeoutMs);
  }

  async #readHeads(userIds: readonly AccountId[]): Promise<readonly (Item | null)[]> {
    const found = new Map<string | undefined, Item>();
    for (let left: readonly Item[] = userIds.map((userId) => keyOf(userId, 0)); left.length > 0; ) {
      const { items, unread } = await this.#call('portfolios.get', (signal) => this.#readSome(left, signal));
      for (const item of items) found.set(item['userId']?.S, item);
      left = unread;
    }
    return userIds.map((userId) => found.get(userId) ?? null);
  }

  /** DynamoDB leaves out what is over its 16 MB an answer, and what is over its rate: all of it is being throttled. */
  async #readSome(
    keys: readonly Item[],
    abortSignal: AbortSignal,
  ): Promise<{ readonly items: readonly Item[]; readonly unread: readonly Item[] }> {
    const { name, client } = this.#table;
    const command = new BatchGetItemCommand({
      RequestItems: { [name]: { ConsistentRead: true, Keys: keys.map((key) => ({ ...key })) } },
    });
    const { Responses, UnprocessedKeys } = await client.send(command, { abortSignal });
    const unread = UnprocessedKeys?.[name]?.Keys ?? [];
    if (unread.length < keys.length) return { items: Responses?.[name] ?? [], unread };
    throw new ProvisionedThroughputExceededException({ message: 'nothing was read', $metadata: {} });
  }

  async #readTogether(userId: AccountId, parts: number): Promise<readonly [Item, ...Item[]]> {
    const keys = Array.from({ length: parts + 1 }, (_, part) => keyOf(userId, part));
    const command = new TransactGetItemsCommand({
      TransactItems: keys.map((Key) => ({ Get: { TableName: this.#table.name, Key } })),
    });
    const { Responses } = await this.#call(
      'portfolios.get_large',
      (abortSignal) => this.#table.client.send(command, { abortSignal }),
      LARGE_TIMEOUT_MS,
    );
    const [head, ...others] = (Responses ?? []).map(({ Item }) => Item);
    if (head === undefined) throw damagedItem(userId, 'head');
    // A part that is missing because fewer are left is noticed by the caller.
    const found = others.filter((item) => item !== undefined);
    if (readHead(head).parts === parts && found.length !== parts) throw damagedItem(userId, 'parts');
    return [head, ...found];
  }

  async #allIds(): Promise<readonly AccountId[]> {
    const ids: AccountId[] = [];
    for (let from: Item | undefined; ; ) {
      const page = await this.#call('portfolios.scan', (abortSignal) =>
        this.#table.client.send(
          new ScanCommand({
            TableName: this.#table.name,
            ConsistentRead: true,
            ProjectionExpression: 'userId',
            // Heads only.
            FilterExpression: 'attribute_exists(parts)',
            ...(from === undefined ? {} : { ExclusiveStartKey: { ...from } }),
          }),
          { abortSignal },
        ),
      );
      for (const { userId } of page.Items ?? []) if (userId?.S !== undefined) ids.push(userId.S as AccountId);
      from = page.LastEvaluatedKey;
      if (from === undefined) return ids.sort();
    }
  }

  /** Every call may be repeated: writes carry their condition. */
  #call<Value>(
    what: string,
    task: (signal: AbortSignal) => Promise<Value>,
    timeoutMs?: number,
  ): Promise<Value> {
    return this.#table.calls.call(what, task, {
      repeatable: true,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new OperatingError('STORE_CLOSED', 'The portfolio table has been closed.', { retry: 'never' });
  }
}

function keyOf(userId: AccountId, part: number) {
  return { userId: { S: itemKey(userId, part) } };
}

/** What is stored, when that is why the write was refused. */
function headInTheWay(error: unknown): Item | null {
  if (error instanceof ConditionalCheckFailedException) return error.Item ?? null;
  if (!(error instanceof TransactionCanceledException)) return null;
  const [ofHead] = error.CancellationReasons ?? [];
  return ofHead?.Code === 'ConditionalCheckFailed' ? (ofHead.Item ?? null) : null;
}

function requireStorable({ userId, holdings, sharesReserved }: Portfolio): void {
  if (holdings.size + sharesReserved.size <= SYMBOLS_MAX) return;
  throw new OperatingError(
    'STORE_ITEM_TOO_LARGE',
    `The account ${userId} holds ${holdings.size} symbols; DynamoDB takes about ${SYMBOLS_MAX} in one write.`,
    { retry: 'never' },
  );
}
