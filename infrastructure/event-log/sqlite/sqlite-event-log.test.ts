import { registerEventLogContract } from '../event-log.contract.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

registerEventLogContract('SQLite', openSqliteLogUnderTest);
