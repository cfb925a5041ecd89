/** Owners on the embedded log: crashes, take-overs, unreadable inputs, damaged states. Each ends in the same books. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Money, Rate } from '#domain/data/decimal.ts';
import type { AccountId, CommandId, OrderId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import { deadLetterTopic, TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { decodeTradeExecuted } from '#domain/data/trading-output-codec.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { openDeadLetters } from '#infrastructure/event-log/dead-letters.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { EventLog, LogRecord, TransactionalProducer } from '#infrastructure/event-log/event-log.ts';
import { price, quantity, testContext } from '#tests/in-process/platform.ts';
import {
  ACCOUNTS,
  append,
  assertReplaysTheSame,
  CONFIG,
  commandId,
  executedAll,
  NO_MIRROR,
  opening,
  ownersOn,
  TIME,
  waitUntil,
  withLog,
} from './owners.testing.ts';
import { Owners } from './owners.ts';
import { COMMIT_RECORDS, PartitionOwner } from './partition-owner.ts';
import { replay, replaySource } from './replay.ts';

function submit(name: string, accountId: AccountId, side: 'BUY' | 'SELL', shares: string): TradingInput {
  const orderId = derivedUuid('order', name) as OrderId;
  return {
    type: 'SubmitOrder',
    commandId: orderId as string as CommandId,
    ...TIME,
    orderId,
    accountId,
    symbol: 'AAPL' as Ticker,
    side,
    terms: { type: 'MARKET', quantity: quantity(shares) },
    timeInForce: 'DAY',
    clientOrderId: null,
    bodyDigest: `${side}${shares}`,
  };
}

async function appendPrice(log: EventLog, at: string): Promise<void> {
  const batch: TradingInput = {
    type: 'PriceBatch',
    commandId: commandId(`price ${at}`),
    ...TIME,
    prices: [
      {
        symbol: 'AAPL' as Ticker,
        sequence: 1,
        eventId: 'p1' as never,
        feedTimestampMs: TIME.timeMs,
        price: price(at),
        bid: null,
        bidSize: null,
        ask: null,
        askSize: null,
        tradedSize: null,
        low: price(at),
        high: price(at),
      },
    ],
  };
  const value = encodeTradingInput(batch, { sourceService: 'test' });
  const extents = await log.extents(TOPIC.tradeOrders);
  await log.append(
    extents.map(({ partition }) => ({ topic: TOPIC.tradeOrders, partition, key: null, value })),
  );
}

async function readAll(log: EventLog, topic: string): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  for (const { partition, firstOffset } of await log.extents(topic)) {
    records.push(...(await log.read({ topic, partition, offset: firstOffset }, 100_000)));
  }
  return records;
}

type Fault = 'none' | 'unavailable' | 'unknown, not written' | 'unknown, written';

/** A log whose commits fail as told, one fault per commit; appends and reads are untouched. */
function faulty(log: EventLog, faults: Fault[]): EventLog {
  async function openProducer(transactionalId: string): Promise<TransactionalProducer> {
    const producer = await log.openProducer(transactionalId);
    return {
      transactionalId,
      async commit(transaction) {
        const fault = faults.shift() ?? 'none';
        if (fault === 'unavailable') throw new OperatingError('LOG_UNAVAILABLE', 'test', { retry: 'retry' });
        if (fault === 'unknown, not written') {
          throw new OperatingError('LOG_OUTCOME_UNKNOWN', 'test', { retry: 'unknown' });
        }
        const outcome = await producer.commit(transaction);
        if (fault === 'unknown, written') {
          throw new OperatingError('LOG_OUTCOME_UNKNOWN', 'test', { retry: 'unknown' });
        }
        return outcome;
      },
      close: () => producer.close(),
    };
  }
  return logWith(log, { openProducer });
}

const workload = (): readonly TradingInput[] => [
  ...ACCOUNTS.flatMap((accountId, at) =>
    Array.from({ length: 5 }, (_, nth) => submit(`${at}-${nth}`, accountId, nth === 4 ? 'SELL' : 'BUY', '1')),
  ),
];

test('whatever becomes of commits, every order is executed once and a replay gives the same', async () => {
  const fault = fc.constantFrom<Fault>('none', 'unavailable', 'unknown, not written', 'unknown, written');
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 8 }), async (faults) => {
      await withLog(async (log) => {
        await append(log, ACCOUNTS.flatMap(opening));
        await appendPrice(log, '10');
        await append(log, workload());
        // A repeat of the append, as after an unknown outcome at the door.
        await append(log, workload());
        const system = testContext().runtime;
        // Back-off without waiting.
        const runtime = { ...system, timers: { ...system.timers, sleep: () => system.timers.yieldTurn() } };
        const context = testContext({ runtime });
        const owners = ownersOn(faulty(log, [...faults]), context);
        owners.start();
        await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
        await owners.stop();
        const trades = (await readAll(log, TOPIC.tradeExecuted)).map(({ value }) =>
          decodeTradeExecuted(value ?? Buffer.of()),
        );
        const executed = trades.filter(
          (trade) => trade.kind === 'decoded' && trade.value.outcome.status === 'EXECUTED',
        );
        assert.equal(executed.length, workload().length);
        assert.ok((await assertReplaysTheSame(log)) > 0);
      });
    }),
    { numRuns: 8 },
  );
});

test('a second owner takes over partitions while orders flow, and nothing is executed twice', async () => {
  await withLog(async (log) => {
    await append(log, ACCOUNTS.flatMap(opening));
    await appendPrice(log, '10');
    const context = testContext();
    const first = ownersOn(log, context);
    first.start();
    await append(log, workload().slice(0, 15));
    await waitUntil(async () => first.trouble().length === 0 && (await executedAll(log)), context);
    const second = ownersOn(log, context);
    second.start();
    await append(log, workload().slice(15));
    await waitUntil(async () => {
      const status = (await second.status()) as { partitions: unknown[] };
      return status.partitions.length > 0 && (await executedAll(log));
    }, context);
    await first.stop();
    await append(log, [submit('last', ACCOUNTS[0] as AccountId, 'BUY', '1')]);
    await waitUntil(() => executedAll(log), context);
    await second.stop();
    assert.equal((await readAll(log, TOPIC.tradeExecuted)).length, workload().length + 1);
    await assertReplaysTheSame(log);
  });
});

test('a former owner is fenced and writes nothing', async () => {
  await withLog(async (log) => {
    await append(log, ACCOUNTS.flatMap(opening));
    const context = testContext();
    const inputs = await log.read({ topic: TOPIC.tradeOrders, partition: 0, offset: 0 }, 100);
    const former = await PartitionOwner.open(log, 0, context);
    const owner = await PartitionOwner.open(log, 0, context);
    assert.equal((await (await former.step(inputs)).committed).kind, 'fenced');
    assert.equal((await readAll(log, TOPIC.ledgerEntries)).length, 0);
    assert.equal((await (await owner.step(inputs)).committed).kind, 'committed');
    const repeated = await (await owner.step(inputs)).committed;
    assert.equal(repeated.inputsApplied, 0, 'inputs below the head are skipped');
  });
});

test('what is written is remembered with its bytes where readers are given these, and nowhere else', async () => {
  for (const givesWrittenBytes of [true, false]) {
    await withLog(async (log) => {
      await append(log, ACCOUNTS.flatMap(opening));
      const remembered = new Map<string, boolean>();
      async function openProducer(transactionalId: string): Promise<TransactionalProducer> {
        const producer = await log.openProducer(transactionalId);
        const commit: TransactionalProducer['commit'] = (transaction) => {
          for (const { topic, key, value } of transaction.records) {
            const kind = topic === TOPIC.accountStates ? (key?.split('/')[0] ?? '') : topic;
            remembered.set(kind, value !== null && Object.getOwnPropertySymbols(value).length > 0);
          }
          return producer.commit(transaction);
        };
        return { transactionalId, commit, close: () => producer.close() };
      }
      const other = logWith(log, { givesWrittenBytes, openProducer });
      const owner = await PartitionOwner.open(other, 0, testContext());
      const inputs = await log.read({ topic: TOPIC.tradeOrders, partition: 0, offset: 0 }, 100);
      await (await owner.step(inputs)).committed;
      assert.equal(remembered.get(TOPIC.ledgerEntries), givesWrittenBytes);
      assert.equal(remembered.get('account'), givesWrittenBytes);
    });
  }
});

test('inputs that lead to more than one commit should hold are committed in parts, and replay the same', async () => {
  await withLog(async (log) => {
    const [accountId = '' as AccountId] = ACCOUNTS;
    const partition = log.partitionFor(TOPIC.tradeOrders, accountId);
    await append(log, opening(accountId));
    const one = 1_000_000_000n as Money;
    const deposits = Array.from(
      { length: COMMIT_RECORDS + 50 },
      (_, at): TradingInput => ({
        type: 'Deposit',
        commandId: commandId(`more ${at}`),
        ...TIME,
        accountId,
        amount: one,
      }),
    );
    await append(log, deposits);
    const owner = await PartitionOwner.open(log, partition, testContext());
    const inputs = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 100_000);
    const { mirrorIsDue, committed } = await owner.step(inputs);
    assert.equal(mirrorIsDue, false);
    assert.deepEqual(await committed, {
      kind: 'committed',
      inputsApplied: inputs.length,
      outputs: inputs.length,
      unreadable: 0,
    });
    assert.equal((await log.extents(TOPIC.executionHeads))[partition]?.nextOffset, 2);
    await assertReplaysTheSame(log);
  });
});

test('an unreadable input becomes a dead letter and the next one is executed', async () => {
  await withLog(async (log) => {
    const context = testContext();
    const [accountId = '' as AccountId] = ACCOUNTS;
    await log.append([
      { topic: TOPIC.tradeOrders, key: accountId, value: Buffer.from('{"not": "an input"}') },
      { topic: TOPIC.tradeOrders, key: accountId, value: null },
    ]);
    await append(log, opening(accountId));
    const owners = ownersOn(log, context);
    owners.start();
    await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
    await owners.stop();
    assert.equal((await openDeadLetters(log, { topic: TOPIC.tradeOrders, limit: 10 })).length, 2);
    assert.equal((await readAll(log, deadLetterTopic(TOPIC.tradeOrders))).length, 2);
    assert.equal((await readAll(log, TOPIC.ledgerEntries)).length, 2);
    await assertReplaysTheSame(log);
  });
});

test('controls are appended once: a restart with the same options adds none, other fees add one per partition', async () => {
  await withLog(async (log) => {
    const controls = async () => {
      const context = testContext();
      const owners = ownersOn(log, context);
      owners.start();
      await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
      await owners.stop();
      return (await readAll(log, TOPIC.tradeOrders)).length;
    };
    const first = await controls();
    assert.ok(first > 0);
    assert.equal(await controls(), first);
    const context = testContext();
    const wanted = { fees: { ...feesOf(CONFIG), rate: 5n as Rate }, limits: limitsOf(CONFIG) };
    const changed = new Owners({
      context,
      log,
      wanted,
      mirror: NO_MIRROR,
      maxBatch: 8,
      lingerMs: 0,
    });
    changed.start();
    await waitUntil(async () => changed.trouble().length === 0 && (await executedAll(log)), context);
    await changed.stop();
    assert.equal((await readAll(log, TOPIC.tradeOrders)).length, first + 2);
  });
});

test('an owner refuses a state that contradicts its head, with a sentence', async () => {
  await withLog(async (log) => {
    const context = testContext();
    await append(log, ACCOUNTS.flatMap(opening));
    const owner = await PartitionOwner.open(log, 0, context);
    const inputs = await log.read({ topic: TOPIC.tradeOrders, partition: 0, offset: 0 }, 100);
    await (await owner.step(inputs)).committed;
    const states = await log.read({ topic: TOPIC.accountStates, partition: 0, offset: 0 }, 1_000);
    const account = states.find(({ key }) => key?.startsWith('account/'));
    assert.ok(account?.value);
    const richer = Buffer.from(Buffer.from(account.value).toString('utf8').replace('"1000"', '"9000"'));
    assert.notDeepEqual(richer, Buffer.from(account.value));
    await log.append([{ topic: TOPIC.accountStates, partition: 0, key: account.key, value: richer }]);
    await assert.rejects(PartitionOwner.open(log, 0, context), {
      name: 'CorruptState',
      message: /tradehall verify/,
    });
  });
});

test('a replay names the first record that differs', async () => {
  await withLog(async (log) => {
    const context = testContext();
    await append(log, ACCOUNTS.flatMap(opening));
    const owner = await PartitionOwner.open(log, 0, context);
    const inputs = await log.read({ topic: TOPIC.tradeOrders, partition: 0, offset: 0 }, 100);
    await (await owner.step(inputs)).committed;
    const source = replaySource(log, 0);
    async function* changed(): AsyncGenerator<LogRecord> {
      for (const record of await log.read({ topic: TOPIC.ledgerEntries, partition: 0, offset: 0 }, 100)) {
        if (record.offset !== 1 || record.value === null) yield record;
        else
          yield {
            ...record,
            value: Buffer.from(Buffer.from(record.value).toString('utf8').replace('1000', '2000')),
          };
      }
    }
    const outcome = await replay({
      ...source,
      outputs: new Map([...source.outputs, [TOPIC.ledgerEntries, changed()]]),
    });
    assert.equal(outcome.kind, 'different');
    assert.equal(outcome.kind === 'different' && outcome.topic, TOPIC.ledgerEntries);
    assert.equal(outcome.kind === 'different' && outcome.offset, 1);
  });
});
