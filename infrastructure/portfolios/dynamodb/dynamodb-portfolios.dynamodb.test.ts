import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import {
  type AttributeValue,
  BatchGetItemCommand,
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  ScanCommand,
  TransactionCanceledException,
  TransactionConflictException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { sharedServer, startServer } from '#tests/support/servers.ts';
import {
  failThenRecover,
  serverOptions,
  untilItWorks,
  writeThroughCrash,
} from '#tests/support/store-faults.ts';
import { portfolio, registerPortfolioStoreContract } from '../portfolios.contract.ts';
import type { Portfolio, PortfolioStore, PutOutcome } from '../portfolios.ts';
import type { DynamoDbConnection } from './dynamodb-client.ts';
import { classifyDynamoDbError } from './dynamodb-errors.ts';
import { openDynamoDbPortfolios } from './dynamodb-portfolios.ts';
import { preparePortfolioTable } from './portfolio-table.ts';

process.env['AWS_ACCESS_KEY_ID'] = 'tests';
process.env['AWS_SECRET_ACCESS_KEY'] = 'tests';
const url = await sharedServer('dynamodb');
const { endpoint: ENDPOINT = '' } = serverOptions(url).address.parameters;

/** With time for an emulator that shares its processors: only tests of a server that hangs wait for less. */
function options(table: string, endpoint = ENDPOINT, region = 'eu-central-1') {
  return { ...serverOptions(`dynamodb://${region}/${table}?endpoint=${endpoint}`), timeoutMs: 20_000 };
}

const newTable = (): string => `portfolios-${randomUUID()}`;

async function openSubject(): Promise<StoreUnderTest<PortfolioStore>> {
  const table = newTable();
  await preparePortfolioTable(options(table));
  let store = await openDynamoDbPortfolios(options(table));
  return {
    get store() {
      return store;
    },
    async reopen() {
      await store.close();
      store = await openDynamoDbPortfolios(options(table));
    },
    dispose: () => store.close(),
  };
}

registerPortfolioStoreContract('DynamoDB', openSubject);

/** `count` symbols whose names and amounts are as long as they get. */
function large(version: number, count: number): Portfolio {
  const symbols = Array.from({ length: count }, (_, at) => `S${String(at).padStart(15, '0')}` as Symbol);
  const most = 9_223_372_036_854_775_807n;
  return portfolio(1, version, {
    holdings: new Map(
      symbols.map((symbol) => [
        symbol,
        { quantity: most as Quantity, costBasis: most as Money, realisedProfit: -most as Money },
      ]),
    ),
    sharesReserved: new Map(symbols.map((symbol) => [symbol, most as Quantity])),
  });
}

describe('an account too large for one item', () => {
  const client = new DynamoDBClient({ region: 'eu-central-1', endpoint: ENDPOINT });
  after(() => client.destroy());

  async function keysIn(table: string): Promise<readonly string[]> {
    const { Items = [] } = await client.send(
      new ScanCommand({ TableName: table, ProjectionExpression: 'userId' }),
    );
    return Items.map(({ userId }) => (userId?.S ?? '').slice(36)).sort();
  }

  test('grows and shrinks whole, under the same condition, and leaves nothing behind', async () => {
    const table = newTable();
    await preparePortfolioTable(options(table));
    const store = await openDynamoDbPortfolios(options(table));
    try {
      for (const [version, symbols, keys] of [
        [1, 3, ['']],
        [2, 4_001, ['', '#1', '#2']],
        [3, 2_001, ['', '#1']],
        [4, 9_000, ['', '#1', '#2', '#3', '#4']],
        [5, 0, ['']],
      ] as const) {
        const written = large(version, symbols);
        assert.deepEqual(await store.put([written]), [{ kind: 'written' }]);
        assert.deepEqual(await store.get(written.userId), written);
        assert.deepEqual(await store.list(null, 10), [written]);
        assert.deepEqual(await keysIn(table), keys);
      }
      assert.deepEqual(await store.put([large(5, 4_000)]), [{ kind: 'not-newer', storedVersion: 5 }]);
      assert.deepEqual(await store.put([{ ...large(5, 4_000), stateHash: 'other' }]), [
        { kind: 'conflict', storedHash: 'hash-5' },
      ]);
      assert.deepEqual(await keysIn(table), ['']);
    } finally {
      await store.close();
    }
  });
});

describe('what DynamoDB answers when it cannot take a write', () => {
  type Answer = (command: object, real: DynamoDBClient) => Promise<unknown>;

  /** A store on a real table whose next writes are answered by `answers` instead. */
  async function withAnswers(
    answers: Answer[],
    work: (store: PortfolioStore) => Promise<void>,
    runtime: Runtime = createSystemRuntime(),
  ): Promise<void> {
    const table = newTable();
    await preparePortfolioTable(options(table));
    const real = new DynamoDBClient({ region: 'eu-central-1', endpoint: ENDPOINT });
    const send = (command: object): Promise<unknown> => {
      const isWrite = command instanceof PutItemCommand || command instanceof TransactWriteItemsCommand;
      const answer = isWrite ? answers.shift() : undefined;
      return answer === undefined ? real.send(command as PutItemCommand) : answer(command, real);
    };
    const fake: DynamoDbConnection = {
      send: send as DynamoDbConnection['send'],
      destroy: () => real.destroy(),
    };
    const store = await openDynamoDbPortfolios({ ...options(table), runtime }, () => fake);
    try {
      await work(store);
      assert.deepEqual(answers, [], 'every answer was asked for');
    } finally {
      await store.close();
    }
  }

  const failWith =
    (error: Error): Answer =>
    async () => {
      throw error;
    };
  const said = { message: 'said so', $metadata: { httpStatusCode: 400 } };
  const throttled = new ProvisionedThroughputExceededException(said);
  const conflict = new TransactionConflictException(said);
  const cancelled = (code: string) =>
    new TransactionCanceledException({ ...said, CancellationReasons: [{ Code: 'None' }, { Code: code }] });

  test('throttling and another transaction in the way are waited out', async () => {
    await withAnswers([failWith(throttled), failWith(conflict), failWith(throttled)], async (store) => {
      assert.deepEqual(await store.put([portfolio(1, 1)]), [{ kind: 'written' }]);
      assert.deepEqual(await store.get(portfolio(1, 1).userId), portfolio(1, 1));
    });
    const answers = ['TransactionConflict', 'ThrottlingError'].map((code) => failWith(cancelled(code)));
    await withAnswers(answers, async (store) => {
      assert.deepEqual(await store.put([large(1, 2_001)]), [{ kind: 'written' }]);
    });
  });

  test('a write that had happened before its answer was lost is written, not a repeat', async () => {
    const lost: Answer = async (command, real) => {
      await real.send(command as PutItemCommand);
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    };
    for (const written of [portfolio(1, 1), large(1, 2_001)]) {
      await withAnswers([lost], async (store) => {
        assert.deepEqual(await store.put([written]), [{ kind: 'written' }]);
        assert.deepEqual(await store.put([written]), [{ kind: 'not-newer', storedVersion: 1 }]);
      });
    }
  });

  const twelve = (version: number): readonly Portfolio[] =>
    Array.from({ length: 12 }, (_, at) => portfolio(10 + at, version));
  const all = (outcome: PutOutcome): readonly PutOutcome[] => twelve(1).map(() => outcome);

  test('of many accounts, whose transaction was throttled or had another in its way, each is written alone', async () => {
    for (const code of ['ThrottlingError', 'TransactionConflict']) {
      await withAnswers([failWith(cancelled(code))], async (store) => {
        assert.deepEqual(await store.put(twelve(1)), all({ kind: 'written' }));
        assert.deepEqual(await store.list(null, 20), twelve(1));
      });
    }
    await withAnswers([failWith(throttled), failWith(conflict)], async (store) => {
      assert.deepEqual(await store.put(twelve(1)), all({ kind: 'written' }));
    });
  });

  test('many accounts whose answer was lost are written, not repeats', async () => {
    const lost: Answer = async (command, real) => {
      assert(command instanceof TransactWriteItemsCommand);
      await real.send(command);
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    };
    await withAnswers([lost], async (store) => {
      assert.deepEqual(await store.put(twelve(3)), all({ kind: 'written' }));
      assert.deepEqual(await store.put(twelve(3)), all({ kind: 'not-newer', storedVersion: 3 }));
    });
  });

  test('who is throttled for too long is told that nothing happened', async () => {
    const runtime = { ...createSystemRuntime(), randomness: { bytes: randomBytes, fraction: () => 0 } };
    await withAnswers(
      Array.from({ length: 5 }, () => failWith(throttled)),
      (store) => assert.rejects(store.put([portfolio(1, 1)]), { retry: 'retry' }),
      runtime,
    );
  });
});

describe('many accounts in one call', () => {
  test('each is judged by itself: new, older, repeated, other, and too large for an item', async () => {
    const table = newTable();
    await preparePortfolioTable(options(table));
    const store = await openDynamoDbPortfolios(options(table));
    const accounts = Array.from({ length: 130 }, (_, at) => portfolio(100 + at, 5));
    const written: PutOutcome = { kind: 'written' };
    const again = (at: number): readonly [Portfolio, PutOutcome] => {
      const [older, same, newer] = [4, 5, 6].map((version) => portfolio(100 + at, version));
      assert(older !== undefined && same !== undefined && newer !== undefined);
      const standing: PutOutcome = { kind: 'not-newer', storedVersion: 5 };
      if (at % 40 === 1) return [older, standing];
      if (at % 40 === 2) return [same, standing];
      if (at % 40 === 3)
        return [
          { ...same, stateHash: 'other' },
          { kind: 'conflict', storedHash: 'hash-5' },
        ];
      return [newer, written];
    };
    try {
      assert.deepEqual(
        await store.put(accounts),
        accounts.map(() => written),
      );
      const many = [1, 2].map((at) => ({ ...large(1, 2_000), userId: portfolio(at, 1).userId }));
      const mixed = [
        [{ ...large(7, 2_001), userId: portfolio(6, 1).userId }, written] as const,
        ...many.map((each) => [each, written] as const),
        ...accounts.map((_, at) => again(at)),
        // After its first, and over it.
        [portfolio(100, 7), written] as const,
        [portfolio(7, 1), written] as const,
      ];
      assert.deepEqual(
        await store.put(mixed.map(([each]) => each)),
        mixed.map(([, outcome]) => outcome),
      );
      for (const [each, { kind }] of mixed) {
        if (kind === 'written' && each.userId !== portfolio(100, 1).userId) {
          assert.deepEqual(await store.get(each.userId), each);
        }
      }
      assert.deepEqual(await store.get(portfolio(100, 1).userId), portfolio(100, 7));
    } finally {
      await store.close();
    }
  });
});

describe('what DynamoDB leaves out of a read', () => {
  test('is asked for again, with back-off where nothing came at all', async () => {
    const table = newTable();
    await preparePortfolioTable(options(table));
    const real = new DynamoDBClient({ region: 'eu-central-1', endpoint: ENDPOINT });
    const asked: number[] = [];
    const send = async (command: object): Promise<unknown> => {
      if (!(command instanceof BatchGetItemCommand)) return real.send(command as PutItemCommand);
      const { Keys = [] } = command.input.RequestItems?.[table] ?? {};
      // The second call is left out whole, the others beyond their first two keys.
      const answered = asked.push(Keys.length) === 2 ? 0 : 2;
      const unread = Keys.slice(answered);
      const UnprocessedKeys = unread.length === 0 ? {} : { [table]: { Keys: unread } };
      if (answered === 0) return { Responses: {}, UnprocessedKeys };
      const some = { [table]: { ConsistentRead: true, Keys: Keys.slice(0, answered) } };
      const { Responses } = await real.send(new BatchGetItemCommand({ RequestItems: some }));
      return { Responses, UnprocessedKeys };
    };
    const fake: DynamoDbConnection = {
      send: send as DynamoDbConnection['send'],
      destroy: () => real.destroy(),
    };
    const store = await openDynamoDbPortfolios(options(table), () => fake);
    try {
      const stored = [1, 2, 3, 4].map((account) => portfolio(account, account));
      await store.put(stored);
      const all = [...stored, portfolio(5, 1)].map(({ userId }) => store.get(userId));
      assert.deepEqual(await Promise.all(all), [...stored, null]);
      assert.deepEqual(asked, [5, 3, 3, 1]);
    } finally {
      await store.close();
    }
  });
});

describe('a portfolio table that cannot be used', () => {
  const opening = (table: string, endpoint?: string) => openDynamoDbPortfolios(options(table, endpoint));

  test('a missing one names the command that makes it', async () => {
    await assert.rejects(opening(newTable()), { code: 'STORE_MISSING', message: /tradehall prepare/ });
  });

  test('one with another key is refused, also by the command', async () => {
    const client = new DynamoDBClient({ region: 'eu-central-1', endpoint: ENDPOINT });
    const table = newTable();
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    client.destroy();
    await assert.rejects(opening(table), { code: 'STORE_VERSION', message: /has another key \(id HASH\)/ });
    await assert.rejects(preparePortfolioTable(options(table)), { code: 'STORE_VERSION' });
  });

  test('the command makes the table once, paid per request', async () => {
    const table = newTable();
    assert.equal(await preparePortfolioTable(options(table)), 'made');
    assert.equal(await preparePortfolioTable(options(table)), 'was there');
    const client = new DynamoDBClient({ region: 'eu-central-1', endpoint: ENDPOINT });
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    client.destroy();
    assert.equal(Table?.BillingModeSummary?.BillingMode, 'PAY_PER_REQUEST');
  });

  test('a server that is not there is named, without waiting long', async () => {
    await assert.rejects(opening(newTable(), 'http://127.0.0.1:1'), {
      code: 'STORE_UNAVAILABLE',
      retry: 'retry',
      message: /http:\/\/127\.0\.0\.1:1.*refuses connections \(ECONNREFUSED\)/,
    });
  });

  test('missing credentials are named, and so are those that it refuses', async () => {
    const before = { ...process.env };
    delete process.env['AWS_ACCESS_KEY_ID'];
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    });
    try {
      await assert.rejects(opening(newTable()), {
        code: 'STORE_NOT_ALLOWED',
        retry: 'never',
        message: /CredentialsProviderError.*AWS credentials of this process/,
      });
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
    const refusal = new DynamoDBServiceException({
      name: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
      $fault: 'client',
      $metadata: { httpStatusCode: 400 },
    });
    assert.equal(classifyDynamoDbError(refusal)?.retry, 'never');
    assert.equal(classifyDynamoDbError(refusal)?.code, 'STORE_NOT_ALLOWED');
  });

  test('a connection that takes longer than the client waits is the server away, and no bug', () => {
    // As the SDK throws it: a name, and no code.
    const late = Object.assign(new Error('the request socket did not establish a connection'), {
      name: 'TimeoutError',
      $metadata: { attempts: 1 },
    });
    assert.equal(classifyDynamoDbError(late)?.code, 'STORE_UNAVAILABLE');
    assert.equal(classifyDynamoDbError(late)?.retry, 'unknown');
  });

  test('an item that is not ours is named', async () => {
    const table = newTable();
    await preparePortfolioTable(options(table));
    const client = new DynamoDBClient({ region: 'eu-central-1', endpoint: ENDPOINT });
    const { userId } = portfolio(1, 1);
    const Item: Record<string, AttributeValue> = { userId: { S: userId }, version: { N: '1' } };
    await client.send(new PutItemCommand({ TableName: table, Item }));
    client.destroy();
    const store = await opening(table);
    await assert.rejects(store.get(userId), {
      code: 'STORE_DAMAGED',
      message: new RegExp(`${userId}.*its stateHash is missing`),
    });
    await store.close();
    await assert.rejects(store.get(userId), { code: 'STORE_CLOSED' });
  });

  test('an address without a region is refused with what it must be', async () => {
    await assert.rejects(openDynamoDbPortfolios(options('table', ENDPOINT, 'localhost')), {
      code: 'CONFIG_INVALID',
      message: /dynamodb:\/\/eu-central-1: "localhost" is none/,
    });
  });
});

describe('a DynamoDB that fails', () => {
  test('a crash amid writes loses nothing, and a hanging one is told and comes back', async () => {
    const server = await startServer('dynamodb');
    const { endpoint = '' } = serverOptions(server.url).address.parameters;
    await preparePortfolioTable(options('crash', endpoint));
    const store = await openDynamoDbPortfolios({ ...options('crash', endpoint), timeoutMs: 1_000 });
    const accounts = (batch: number): readonly Portfolio[] =>
      Array.from({ length: 6 }, (_, at) => portfolio(10 + at, batch + 1));
    await writeThroughCrash(server, 30, async (batch) => {
      for (const outcome of await store.put(accounts(batch))) {
        assert.ok(outcome.kind === 'written' || outcome.kind === 'not-newer', outcome.kind);
      }
    });
    assert.deepEqual(await untilItWorks(() => store.list(null, 100)), accounts(29));
    await failThenRecover(server, () => store.get(portfolio(10, 1).userId));
    await store.close();
  });
});
