import { registerEventLogContract } from '../event-log.contract.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';

registerEventLogContract('Kafka', async () => {
  const under = await openKafkaLogUnderTest();
  const { log } = under;
  const expire = log.expire.bind(log);
  // Seals follow the records, and only what is sealed may expire.
  log.expire = async (nowMs) => {
    await log.sealed(10_000);
    return await expire(nowMs);
  };
  return under;
});
