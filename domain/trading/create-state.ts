/** The state of a partition that has seen no input. */
import { REMEMBERED_COMMANDS, REMEMBERED_ORDERS } from '#domain/data/account-state-key.ts';
import { CASH_ASSET } from '#domain/data/trading-events.ts';
import { AccountCommands } from './account-commands.ts';
import { AssetBook, BOOK_CELLS } from './book.ts';
import { ClosedOrders } from './closed-orders.ts';
import { DEFAULT_CONTROLS } from './default-controls.ts';
import { ACCOUNT_CELLS, MORE_ACCOUNT_CELLS } from './holdings.ts';
import { IdMap } from './id-map.ts';
import { OrderIds } from './order-ids.ts';
import { PositionTable } from './position-table.ts';
import { Rows } from './rows.ts';
import { emptyChanges, type PartitionState } from './state.ts';
import { emptyLanes } from './state-hash.ts';
import { untracked } from './tracking.ts';
import { WorkingOrders } from './working-orders.ts';

export function createState(partition: number): PartitionState {
  const accounts: PartitionState['accounts'] = new IdMap();
  const orderIds = new OrderIds();
  const bookRows = new Rows(BOOK_CELLS);
  const cashBook = new AssetBook(CASH_ASSET, bookRows);
  // The defaults are state too: they are hashed and saved like what comes to replace them.
  const changes = emptyChanges();
  cashBook.touch(changes.books);
  return {
    partition,
    clockMs: 0,
    ordersAccepted: 0,
    nextExpiryMs: Number.POSITIVE_INFINITY,
    nextQuietEndMs: Number.POSITIVE_INFINITY,
    accountRows: new Rows(ACCOUNT_CELLS, MORE_ACCOUNT_CELLS),
    bookRows,
    positions: new PositionTable(accounts),
    accounts,
    orderIds,
    workingOrders: new WorkingOrders(),
    closedOrders: new ClosedOrders(REMEMBERED_ORDERS, accounts, orderIds),
    instruments: new Map(),
    books: new Map([[CASH_ASSET, cashBook]]),
    cashBook,
    sources: new Map(),
    accountCommands: new AccountCommands(REMEMBERED_COMMANDS),
    controls: DEFAULT_CONTROLS,
    controlsTracking: { ...untracked(), stale: true, changed: true },
    countersTracking: { ...untracked(), stale: true, changed: true },
    lanes: emptyLanes(),
    changes,
  };
}
