import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  type AttributeValue,
  BatchGetItemCommand,
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import { startServer } from '#tests/support/servers.ts';
import {
  failThenRecover,
  serverOptions,
  untilItWorks,
  writeThroughCrash,
} from '#tests/support/store-faults.ts';
import { portfolio, registerPortfolioStoreContract } from '../portfolios.contract.ts';
import type { Portfolio, PortfolioStore } from '../portfolios.ts';
import { ENDPOINT, large, newTable, options } from './dynamodb.testing.ts';
import type { DynamoDbConnection } from './dynamodb-client.ts';
import { classifyDynamoDbError } from './dynamodb-errors.ts';
import { openDynamoDbPortfolios } from './dynamodb-portfolios.ts';
import { preparePortfolioTable } from './portfolio-table.ts';

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
