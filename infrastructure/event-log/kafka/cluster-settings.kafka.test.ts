/** What topics and brokers are set to, and what is said when that cannot be told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServerUrl } from '#infrastructure/common/server-address.ts';
import { freePort } from '../../../scripts/dev-servers/free-port.ts';
import { RETAINED } from '../event-log.testing.ts';
import { readSettings } from './cluster-settings.ts';
import { CODE } from './kafka-failures.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';
import { KAFKA_URL } from './kafka-url.ts';

test('settings of topics and of brokers come in the order in which they are asked for', async () => {
  const under = await openKafkaLogUnderTest();
  try {
    await under.log.ensureTopics([RETAINED]);
    const name = `${under.address.path}.${RETAINED.name}`;
    const told = await readSettings(under.address, [
      { of: 'broker', name: '1', settings: ['offsets.topic.replication.factor', 'min.insync.replicas'] },
      { of: 'topic', name, settings: ['retention.ms', 'no.such.setting'] },
    ]);
    assert.deepEqual(
      told.map((settings) => Object.fromEntries(settings)),
      [{ 'offsets.topic.replication.factor': '1', 'min.insync.replicas': '1' }, { 'retention.ms': '-1' }],
    );
    const unknown = readSettings(under.address, [{ of: 'topic', name: 'no-such', settings: ['x'] }]);
    await assert.rejects(unknown, { code: CODE.unknownTopicOrPartition });
  } finally {
    await under.dispose();
  }
});

test('a broker that is away is one that does not answer', async () => {
  const parsed = parseServerUrl(`kafka://127.0.0.1:${await freePort()}`, KAFKA_URL);
  assert(parsed.kind === 'value');
  await assert.rejects(readSettings(parsed.value, [{ of: 'broker', name: '1', settings: ['x'] }]), {
    code: CODE.transport,
  });
});
