/** What a cluster says of its topics, and whether it may lose what it acknowledged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RETAINED } from '../event-log.testing.ts';
import { TopicCatalogue } from './topic-catalogue.ts';

const unasked = () => assert.fail('what is known needs no question');

/** Of as many brokers, where each topic named has so many replicas. */
function catalogueOf(brokers: number, replicas: Readonly<Record<string, number>>): TopicCatalogue {
  const catalogue = new TopicCatalogue({ read: unasked, ask: unasked, failed: unasked }, 'p.', 1_000);
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
    ['p.orders', /^The topic orders has 2 replicas on a cluster of 3 brokers; give it 3, with min\.insync/],
    [
      '__transaction_state',
      /^The topic __transaction_state of the brokers .* transaction\.state\.log\.min\.isr=2/,
    ],
    [
      '__consumer_offsets',
      /^The topic __consumer_offsets of the brokers .* offsets\.topic\.replication\.factor=3/,
    ],
  ] as const) {
    assert.throws(() => catalogueOf(3, { ...whole, [name]: 2 }).declare([RETAINED]), {
      code: 'LOG_NOT_REPLICATED',
      message: sentence,
    });
    catalogueOf(2, { ...whole, [name]: 2 }).declare([RETAINED]);
  }
  catalogueOf(3, {}).declare([RETAINED]);
});
