/** The keys of `account_states`: one per entity, so that compaction keeps each entity's last record. */
import type { AccountStateEntity, RemovedOrder } from './account-state.ts';

/** How many closed orders, and how many account commands, a partition remembers: the sizes of their rings. */
export const REMEMBERED_ORDERS = 50_000;
export const REMEMBERED_COMMANDS = 50_000;

/** Of the partition's head. */
export const HEAD_KEY = 'head';
/** What the keys of open orders, and no others, begin with. */
export const OPEN_ORDER_KEYS = 'order/';

export function entityKey(entity: AccountStateEntity | RemovedOrder): string {
  switch (entity.kind) {
    case 'account':
      return `account/${entity.accountId}`;
    case 'position':
      return `position/${entity.accountId}/${entity.symbol}`;
    case 'order':
    case 'removed_order':
      return `${OPEN_ORDER_KEYS}${entity.accountId}/${entity.orderId}`;
    case 'closed_order':
      return `closed-order/${entity.closingNumber % REMEMBERED_ORDERS}`;
    case 'account_command':
      return `account-command/${entity.commandNumber % REMEMBERED_COMMANDS}`;
    case 'price':
      return `price/${entity.price.symbol}`;
    case 'ledger':
      return `ledger/${entity.asset}`;
    case 'controls':
      return 'controls';
    case 'venue_source':
      return `venue-source/${entity.source}`;
    case 'counters':
      return 'counters';
    case 'head':
      return HEAD_KEY;
  }
}
