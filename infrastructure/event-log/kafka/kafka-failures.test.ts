/** What is said of a broker's errors. Those of a broker that fails for real are in broker-failures.kafka.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyRead, operatingError } from './kafka-failures.ts';

test("a group's position that waits for a transaction is asked for again, and what to do when it lasts is said", () => {
  const unstable = Object.assign(new Error('Broker: There are unstable offsets that need to be cleared'), {
    code: 88,
  });
  const told = operatingError('Kafka at broker:9092', classifyRead(unstable), unstable);
  assert.equal(told?.retry, 'retry');
  assert.equal(told.code, 'LOG_UNAVAILABLE');
  assert.equal(
    told.message,
    "Kafka at broker:9092 has a transaction under way that moves this group's position, and tells it when that has ended; if it lasts longer than a minute, a transaction hangs: docs/servers.md, hanging transactions.",
  );
});
