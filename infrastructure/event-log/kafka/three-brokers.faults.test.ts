/** The log on three brokers: three replicas of everything, two of them in sync before anything is acknowledged. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { retryForever } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { type KafkaCluster, startKafkaCluster, startKafkaController } from '#tests/support/kafka-cluster.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest, sealedRecords } from './kafka-log.testing.ts';

const BACK_WITHIN_MS = 30_000;
const AT_ONCE = 20;
/** Longer than an append may take. */
const PATIENCE_MS = 20_000;
const PARTITIONS = [0, 1, 2];

describe('the log on three brokers', () => {
  let cluster: KafkaCluster;
  let under: KafkaLogUnderTest;
  /** Of every append: acknowledged, or of unknown outcome. */
  const acknowledged = new Set<string>();
  const unknown = new Set<string>();
  let next = 0;

  before(async () => {
    cluster = await startKafkaCluster();
    under = await openKafkaLogUnderTest({}, cluster.url);
    await under.log.ensureTopics([RETAINED]);
  });
  after(() => under.dispose());

  /** One record by itself, or two together in a transaction; again until it is written, or nobody knows. */
  async function append(signal: AbortSignal): Promise<OperatingError | null> {
    const texts = Array.from({ length: 1 + (next % 2) }, () => `r${next++}`);
    let failure: OperatingError | null = null;
    try {
      const outcome = await retryForever(
        () => under.log.append(texts.map((text) => record('orders', next % PARTITIONS.length, text))),
        {
          ...under.runtime,
          signal,
          logger: SILENT,
          what: 'append',
          maxDelayMs: 500,
          onFailure: (error) => {
            failure = error;
          },
        },
      );
      // Refused, each time: then nothing of it was written.
      if (outcome.kind === 'aborted') return failure;
      for (const text of texts) acknowledged.add(text);
    } catch (error) {
      assert(error instanceof OperatingError && error.retry === 'unknown', String(error));
      for (const text of texts) unknown.add(text);
      return error;
    }
    return failure;
  }

  async function appendWhile(isGoingOn: () => boolean): Promise<void> {
    const { signal } = new AbortController();
    while (isGoingOn()) await Promise.all(Array.from({ length: AT_ONCE }, () => append(signal)));
  }

  async function worksAgain(sentence: string): Promise<void> {
    const { signal } = new AbortController();
    const before = acknowledged.size;
    await eventually(
      sentence,
      async () => {
        await append(signal);
        return acknowledged.size > before ? true : null;
      },
      BACK_WITHIN_MS,
    );
  }

  async function requireEverythingOnce(): Promise<void> {
    const there: string[] = [];
    assert(await under.log.settled(BACK_WITHIN_MS), 'no transaction hangs');
    for (const partition of PARTITIONS) {
      const records = await sealedRecords(under.log, { topic: 'orders', partition });
      there.push(...records.map((read) => String(textOf(read))));
    }
    const found = new Set(there);
    assert.equal(found.size, there.length, 'nothing is there twice');
    assert.deepEqual([...acknowledged.difference(found)], [], 'nothing acknowledged is lost');
    assert.deepEqual([...found.difference(acknowledged).difference(unknown)], [], 'nothing refused is there');
  }

  test('a topic with fewer replicas, made by somebody else, stops the start with one sentence', async () => {
    await under.makeTopic('prices', 1);
    const prices = { ...RETAINED, name: 'prices', partitions: 1 };
    const again = await under.reopen();
    await assert.rejects(again.ensureTopics([RETAINED, prices]), {
      code: 'LOG_NOT_REPLICATED',
      retry: 'never',
      message:
        /^Kafka at .* has the topic .*\.prices with 1 replicas, on 3 brokers: .* min\.insync\.replicas=2/,
    });
    under = { ...under, log: await under.reopen() };
    await under.log.ensureTopics([RETAINED]);
  });

  test('a topic that one replica in sync is enough for, made by somebody else, stops the start with one sentence', async () => {
    await under.makeTopic('quotes', 1, 3);
    const quotes = { ...RETAINED, name: 'quotes', partitions: 1 };
    const again = await under.reopen();
    await assert.rejects(again.ensureTopics([RETAINED, quotes]), {
      code: 'LOG_NOT_REPLICATED',
      message:
        /^Kafka at .* has the topic .*\.quotes with min\.insync\.replicas=1: .* --add-config min\.insync\.replicas=2\)\.$/,
    });
    under = { ...under, log: await under.reopen() };
    await under.log.ensureTopics([RETAINED]);
  });

  for (const at of [0, 1, 2] as const) {
    test(`broker ${at + 1} is killed under load and comes back: it goes on, nothing acknowledged is lost, nothing is twice, and the seals are those of what is there`, async () => {
      const [broker] = [cluster.brokers[at]];
      let isGoingOn = true;
      const before = acknowledged.size;
      const load = appendWhile(() => isGoingOn);
      try {
        await eventually('it is under load', async () => (acknowledged.size > before + 50 ? true : null));
        await broker.kill();
        const without = acknowledged.size;
        await eventually(
          'two brokers acknowledge',
          async () => (acknowledged.size > without + 200 ? true : null),
          BACK_WITHIN_MS,
        );
        await broker.startAgain();
        const whole = acknowledged.size;
        await eventually(
          'three brokers acknowledge',
          async () => (acknowledged.size > whole + 50 ? true : null),
          BACK_WITHIN_MS,
        );
      } finally {
        isGoingOn = false;
        await load;
      }
      await requireEverythingOnce();
    });
  }

  test('of three brokers one is left: it acknowledges nothing, and with two of them it goes on by itself', async () => {
    const [first, second] = cluster.brokers;
    await Promise.all([first.kill(), second.kill()]);
    // Until the cluster has noticed, what is sent is of unknown outcome, and may be there in the end.
    await Promise.all(Array.from({ length: AT_ONCE }, () => append(AbortSignal.timeout(PATIENCE_MS))));
    const before = acknowledged.size;
    const failures = await Promise.all(
      Array.from({ length: AT_ONCE }, () => append(AbortSignal.timeout(PATIENCE_MS))),
    );
    assert.equal(acknowledged.size, before, 'one replica is not enough');
    for (const failure of failures) {
      assert(failure !== null, 'it is refused');
      assert.notEqual(failure.retry, 'never', failure.message);
    }
    await first.startAgain();
    await worksAgain('two brokers of three acknowledge');
    await second.startAgain();
    await requireEverythingOnce();
  });
});

test('brokers that will make their own topics with one replica in sync are named at the first start, before a topic is made', async () => {
  const { url, brokers } = await startKafkaCluster(1);
  const under = await openKafkaLogUnderTest({}, url);
  try {
    await assert.rejects(under.log.ensureTopics([RETAINED]), {
      code: 'LOG_NOT_REPLICATED',
      message:
        /^Kafka at .* has broker [123], which makes __consumer_offsets at its first use, with min\.insync\.replicas=1: .* --entity-default --add-config min\.insync\.replicas=2\)\.$/,
    });
    assert.equal((await under.reopen()).partitionsOf(RETAINED.name), null);
  } finally {
    await under.dispose();
    await Promise.all(brokers.map((broker) => broker.stop()));
  }
});

test('a first start that meets two of three brokers makes no topics; once the third is there it makes them, with three replicas', async () => {
  const start = await startKafkaController();
  const [one, other] = await Promise.all([start(1), start(2)]);
  const under = await openKafkaLogUnderTest({}, `kafka://127.0.0.1:${one.port},127.0.0.1:${other.port}`);
  try {
    await assert.rejects(under.log.ensureTopics([RETAINED]), {
      code: 'LOG_NOT_REPLICATED',
      message:
        /^Kafka at .* has 2 of its brokers at work, .* start the others, then start again\. For trying out/,
    });
    assert.equal((await under.reopen()).partitionsOf(RETAINED.name), null);
    await start(3);
    const again = await under.reopen();
    await again.ensureTopics([RETAINED]);
    // A topic of fewer replicas would be refused here.
    await (await under.reopen()).ensureTopics([RETAINED]);
  } finally {
    await under.dispose();
  }
});
