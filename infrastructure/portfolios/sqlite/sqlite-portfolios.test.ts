import { inTemporaryFolder } from '#infrastructure/common/store-under-test.ts';
import { registerPortfolioStoreContract } from '../portfolios.contract.ts';
import { openSqlitePortfolios } from './sqlite-portfolios.ts';

registerPortfolioStoreContract(
  'SQLite',
  inTemporaryFolder((path) => openSqlitePortfolios({ path })),
);
