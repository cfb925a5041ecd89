import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  TransactionCanceledException,
  TransactionConflictException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { portfolio } from '../portfolios.contract.ts';
import type { Portfolio, PortfolioStore, PutOutcome } from '../portfolios.ts';
import { ENDPOINT, large, newTable, options } from './dynamodb.testing.ts';
import type { DynamoDbConnection } from './dynamodb-client.ts';
import { openDynamoDbPortfolios } from './dynamodb-portfolios.ts';
import { preparePortfolioTable } from './portfolio-table.ts';

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

  test('who is throttled for too long is told that nothing happened, and others are served meanwhile', async () => {
    const runtime = { ...createSystemRuntime(), randomness: { bytes: randomBytes, fraction: () => 0 } };
    await withAnswers(
      Array.from({ length: 5 }, () => failWith(throttled)),
      async (store) => {
        await assert.rejects(store.put([portfolio(1, 1)]), { code: 'STORE_BUSY', retry: 'retry' });
        assert.equal(await store.get(portfolio(2, 1).userId), null);
      },
      runtime,
    );
  });
});

describe('many accounts in one call', () => {
  test('of an account that comes twice among those that are written together, the later one is stored', async () => {
    const table = newTable();
    await preparePortfolioTable(options(table));
    const store = await openDynamoDbPortfolios(options(table));
    try {
      const first = Array.from({ length: 12 }, (_, at) => portfolio(300 + at, 1));
      const twice = [...first, portfolio(300, 2)];
      assert.deepEqual(
        await store.put(twice),
        twice.map(() => ({ kind: 'written' })),
      );
      assert.deepEqual(await store.get(portfolio(300, 1).userId), portfolio(300, 2));
    } finally {
      await store.close();
    }
  });

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
