import { registerEventLogContract } from '../event-log.contract.ts';
import type { EventLog, Position } from '../event-log.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';

/** What is committed is durable at once, and readers see it when its markers are written, a moment later. */
async function readable(log: EventLog, written: readonly Position[]): Promise<void> {
  for (const { topic, partition, offset } of written) {
    for (;;) {
      const extents = await log.extents(topic);
      if ((extents.find((extent) => extent.partition === partition)?.nextOffset ?? 0) > offset) break;
    }
  }
}

registerEventLogContract('Kafka', async () => {
  const under = await openKafkaLogUnderTest();
  const { log } = under;
  const expire = log.expire.bind(log);
  // Seals follow the records, and only what is sealed may expire.
  log.expire = async (nowMs) => {
    await log.sealed(10_000);
    return await expire(nowMs);
  };
  const append = log.append.bind(log);
  log.append = async (records) => {
    const positions = await append(records);
    await readable(log, positions);
    return positions;
  };
  const openProducer = log.openProducer.bind(log);
  log.openProducer = async (transactionalId) => {
    const producer = await openProducer(transactionalId);
    const commit = producer.commit.bind(producer);
    producer.commit = async (transaction) => {
      const outcome = await commit(transaction);
      if (outcome.kind === 'committed') await readable(log, outcome.positions);
      return outcome;
    };
    return producer;
  };
  return under;
});
