import { registerEventLogContract } from '../event-log.contract.ts';
import { openSqliteLogUnderTest } from './testing.ts';

registerEventLogContract('SQLite', openSqliteLogUnderTest);
