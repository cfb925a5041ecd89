import { registerEventLogContract } from '../event-log.contract.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';

registerEventLogContract('Kafka', openKafkaLogUnderTest);
