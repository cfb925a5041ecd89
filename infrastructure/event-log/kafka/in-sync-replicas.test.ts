/** On a cluster two replicas have what was acknowledged, or the start ends with the setting that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SettingsAsked } from './cluster-settings.ts';
import { requireInSyncReplicas } from './in-sync-replicas.ts';

const BROKERS = [1, 2, 3];
const WELL: Readonly<Record<string, string>> = {
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
};

interface Wrong {
  readonly name: string;
  readonly setting: string;
  /** `null`: the cluster does not tell. */
  readonly value: string | null;
}

/** A cluster on which one setting is wrong, and which of its own topics are there. */
function check(wrong: Wrong | null, there: readonly string[]): Promise<void> {
  const settings = async (asked: readonly SettingsAsked[]) => {
    const topics = asked.filter(({ of }) => of === 'topic').map(({ name }) => name);
    assert.deepEqual(topics, ['p.orders', ...there], 'what is not there cannot be asked for');
    return asked.map(
      ({ name, settings: wanted }) =>
        new Map(
          wanted.flatMap((setting) => {
            const value = wrong?.name === name && wrong.setting === setting ? wrong.value : WELL[setting];
            return value === undefined || value === null ? [] : [[setting, value] as const];
          }),
        ),
    );
  };
  return requireInSyncReplicas({ name: 'Kafka at a:9092', settings }, ['p.orders'], BROKERS, (name) =>
    there.includes(name),
  );
}

const BOTH = ['__transaction_state', '__consumer_offsets'];

test('a cluster on which two replicas acknowledge everything passes, before its own topics are there and after', async () => {
  await check(null, []);
  await check(null, BOTH);
});

for (const name of ['p.orders', ...BOTH]) {
  test(`${name} with one replica in sync is refused, with the command that changes it`, async () => {
    await assert.rejects(check({ name, setting: 'min.insync.replicas', value: '1' }, BOTH), {
      code: 'LOG_NOT_REPLICATED',
      retry: 'never',
      message:
        `Kafka at a:9092 has the topic ${name} with min.insync.replicas=1: what was acknowledged may be lost with one broker. ` +
        `Set it to 2 (kafka-configs.sh --alter --entity-type topics --entity-name ${name} --add-config min.insync.replicas=2).`,
    });
  });
}

for (const [setting, value, topic, least, remedy] of [
  [
    'transaction.state.log.replication.factor',
    '1',
    '__transaction_state',
    3,
    /\(every broker's own properties\)\.$/,
  ],
  ['transaction.state.log.min.isr', '1', '__transaction_state', 2, /\(every broker's own properties\)\.$/],
  ['offsets.topic.replication.factor', '2', '__consumer_offsets', 3, /\(every broker's own properties\)\.$/],
  [
    'min.insync.replicas',
    '1',
    '__consumer_offsets',
    2,
    /--entity-type brokers --entity-default --add-config min\.insync/,
  ],
] as const) {
  test(`a broker with ${setting}=${value} is refused before it makes ${topic}`, async () => {
    await assert.rejects(check({ name: '2', setting, value }, []), (error: Error) => {
      assert.ok(
        error.message.startsWith(
          `Kafka at a:9092 has broker 2, which makes ${topic} at its first use, with ${setting}=${value}: `,
        ),
        error.message,
      );
      assert.match(error.message, new RegExp(`Set it to ${least} `));
      assert.match(error.message, remedy);
      return true;
    });
    await check({ name: '2', setting, value }, BOTH);
  });
}

test('a setting that the cluster does not tell passes for none', async () => {
  await assert.rejects(check({ name: 'p.orders', setting: 'min.insync.replicas', value: null }, BOTH), {
    code: 'LOG_NOT_REPLICATED',
    message: /with min\.insync\.replicas=unknown: /,
  });
});
