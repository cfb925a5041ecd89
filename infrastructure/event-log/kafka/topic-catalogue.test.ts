/** What a cluster says of its topics, and whether it may lose what it acknowledged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RETAINED } from '../event-log.testing.ts';
import { TopicCatalogue } from './topic-catalogue.ts';

const unasked = () => assert.fail('what is known needs no question');

/** Of as many brokers at work, where each topic named has so many replicas, at an address that names some of them. */
function catalogueOf(
  brokers: number,
  replicas: Readonly<Record<string, number>>,
  hostsNamed = 1,
  describe: () => Promise<unknown> = unasked,
): TopicCatalogue {
  const connection = {
    name: 'Kafka at a:9092',
    hostsNamed,
    read: (_what: string, task: () => Promise<never>) => task(),
    ask: async () => (await describe()) as never,
    failed: unasked,
    settings: unasked,
  };
  const catalogue = new TopicCatalogue(connection, 'p.', 1_000);
  const nodes = Array.from({ length: brokers }, (_unused, id) => ({ id }));
  catalogue.learn({
    brokers: nodes,
    topics: Object.entries(replicas).map(([name, count]) => ({
      name,
      partitions: Array.from({ length: RETAINED.partitions }, (_unused, id) => ({
        id,
        replicas: Array.from({ length: id === 1 ? count : 3 }, (_none, node) => node),
      })),
    })),
  });
  return catalogue;
}

test('on three brokers ours and their own topics have three replicas of every partition, or the start ends', () => {
  const whole = { 'p.orders': 3, __transaction_state: 3, __consumer_offsets: 3, another: 1 };
  catalogueOf(3, whole).declare([RETAINED]);
  for (const [name, sentence] of [
    [
      'p.orders',
      /^Kafka at a:9092 has the topic p\.orders with 2 replicas, on 3 brokers: .*kafka-reassign-partitions\.sh.*min\.insync/,
    ],
    [
      '__transaction_state',
      /^Kafka at a:9092 has its own topic __transaction_state with 2 .* transaction\.state\.log\.min\.isr=2/,
    ],
    [
      '__consumer_offsets',
      /^Kafka at a:9092 has its own topic __consumer_offsets with 2 .* offsets\.topic\.replication\.factor=3/,
    ],
  ] as const) {
    assert.throws(() => catalogueOf(3, { ...whole, [name]: 2 }).declare([RETAINED]), {
      code: 'LOG_NOT_REPLICATED',
      message: sentence,
    });
  }
  catalogueOf(3, {}).declare([RETAINED]);
});

test('brokers that are down count where a topic or the address names them: nothing passes for whole without them', () => {
  const whole = { 'p.orders': 3, __transaction_state: 3 };
  catalogueOf(1, whole).declare([RETAINED]);
  const refused = { code: 'LOG_NOT_REPLICATED', message: /has the topic p\.orders with [12] replicas/ };
  assert.throws(() => catalogueOf(1, { ...whole, 'p.orders': 1 }, 1).declare([RETAINED]), refused);
  assert.throws(() => catalogueOf(1, { 'p.orders': 2 }).declare([RETAINED]), refused);
});

test('a cluster that lacks brokers at the first start gets no topics with too few replicas, but a sentence', async () => {
  for (const [brokers, hostsNamed] of [
    [2, 1],
    [2, 3],
    [1, 3],
  ] as const) {
    await assert.rejects(catalogueOf(brokers, {}, hostsNamed).make([RETAINED]), {
      code: 'LOG_NOT_REPLICATED',
      retry: 'never',
      message: new RegExp(`^Kafka at a:9092 has ${brokers} of its brokers at work, .* start the others`),
    });
    await catalogueOf(brokers, {}, hostsNamed).make([]);
  }
});

test('one broker, named by itself, is for trying out: topics have one replica there, and three on three', async () => {
  for (const [brokers, replicas, inSync] of [
    [1, 1, '1'],
    [3, 3, '2'],
    [5, 3, '2'],
  ] as const) {
    let asked: unknown = null;
    const ask = async (start: (admin: never, callback: never) => unknown) => {
      const admin = { createTopic: (topic: unknown) => (asked = topic) };
      return start(admin as never, (() => undefined) as never) as never;
    };
    const read = (_what: string, task: () => Promise<never>) => task();
    const connection = {
      name: 'Kafka at a:9092',
      hostsNamed: 1,
      read,
      ask,
      failed: unasked,
      settings: unasked,
    };
    const catalogue = new TopicCatalogue(connection, 'p.', 1_000);
    catalogue.learn({ brokers: Array.from({ length: brokers }, (_unused, id) => ({ id })), topics: [] });
    await catalogue.make([RETAINED]);
    assert.partialDeepStrictEqual(asked, {
      topic: 'p.orders',
      replication_factor: replicas,
      config: { 'min.insync.replicas': inSync, 'compression.type': 'lz4' },
    });
  }
});

test("partitions that somebody adds move no key and are nobody's: they are refused by their topic", async () => {
  const described = (partitions: number) => [
    {
      name: 'p.orders',
      topicId: { mostSignificantBits: 1n, leastSignificantBits: 2n },
      partitions: Array.from({ length: partitions }),
    },
  ];
  let partitions: number = RETAINED.partitions;
  const catalogue = catalogueOf(1, {}, 1, async () => described(partitions));
  catalogue.declare([RETAINED]);
  assert.deepEqual(await catalogue.ids([RETAINED]), new Map([['orders', '1/2']]));
  partitions = 16;
  await assert.rejects(catalogue.ids([RETAINED]), {
    code: 'LOG_TOPIC_MISMATCH',
    retry: 'never',
    message: /^The topic orders has 16 partitions, and is declared with 3; .* docs\/servers\.md/,
  });
  assert.equal(catalogue.count('orders'), RETAINED.partitions);
  catalogue.requireDeclared([{ topic: 'orders', partition: 2 }]);
  assert.throws(() => catalogue.requireDeclared([{ topic: 'orders', partition: 3 }]), {
    code: 'LOG_TOPIC_MISMATCH',
    message: /^The topic orders has a partition 3, /,
  });
});

test('one broker is not asked how many replicas acknowledge', async () => {
  await catalogueOf(1, {}).requireInSync([RETAINED]);
});
