import { inTemporaryFolder } from '#infrastructure/common/store-under-test.ts';
import { registerTradeHistoryContract } from '../trade-history.contract.ts';
import { openSqliteTradeHistory } from './sqlite-trade-history.ts';

registerTradeHistoryContract(
  'SQLite',
  inTemporaryFolder((path) => openSqliteTradeHistory({ path })),
);
