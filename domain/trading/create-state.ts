/** The state of a partition that has seen no input. */
import { REMEMBERED_COMMANDS, REMEMBERED_ORDERS } from '#domain/data/account-state-key.ts';
import { DEFAULT_CONTROLS } from './default-controls.ts';
import { hashAccountCommand, hashClosedOrder } from './entity-hash.ts';
import { createMemory } from './idempotency.ts';
import { CASH_ASSET, createBook, emptyChanges, type PartitionState, touch, untracked } from './state.ts';
import { emptyLanes } from './state-hash.ts';

export function createState(partition: number): PartitionState {
  const cashBook = createBook(CASH_ASSET);
  // The defaults are state too: they are hashed and saved like what comes to replace them.
  const changes = emptyChanges();
  touch(cashBook, changes.books);
  return {
    partition,
    clockMs: 0,
    ordersAccepted: 0,
    nextExpiryMs: Number.POSITIVE_INFINITY,
    accounts: new Map(),
    working: new Map(),
    instruments: new Map(),
    books: new Map([[CASH_ASSET, cashBook]]),
    cashBook,
    sources: new Map(),
    closedOrders: createMemory(REMEMBERED_ORDERS, (closed) => closed.orderId, hashClosedOrder),
    accountCommands: createMemory(REMEMBERED_COMMANDS, (command) => command.commandId, hashAccountCommand),
    controls: DEFAULT_CONTROLS,
    controlsTracking: { ...untracked(), stale: true, changed: true },
    countersTracking: { ...untracked(), stale: true, changed: true },
    lanes: emptyLanes(),
    changes,
  };
}
