/** The keys of `account_states`: one per entity, so that compaction keeps each entity's last record. */
import type { AccountStateEntity, ClosedOrderEntity } from './account-state.ts';
import type { AccountId, OrderId, Symbol } from './identifiers.ts';

/** How many closed orders, and how many account commands, a partition remembers: the sizes of their rings. */
export const REMEMBERED_ORDERS = 50_000;
export const REMEMBERED_COMMANDS = 50_000;

export const HEAD_KEY = 'head';
/** What the keys of open orders, and no others, begin with. */
export const OPEN_ORDER_KEYS = 'order/';

export function accountKey(accountId: AccountId): string {
  return `account/${accountId}`;
}

export function positionKey(accountId: AccountId, symbol: Symbol): string {
  return `position/${accountId}/${symbol}`;
}

export function openOrderKey(accountId: AccountId, orderId: OrderId): string {
  return `${OPEN_ORDER_KEYS}${accountId}/${orderId}`;
}

export function closedOrderKey(closed: ClosedOrderEntity): string {
  return `closed-order/${closed.closingNumber % REMEMBERED_ORDERS}`;
}

export function entityKey(entity: AccountStateEntity): string {
  switch (entity.kind) {
    case 'account':
      return accountKey(entity.accountId);
    case 'position':
      return positionKey(entity.accountId, entity.symbol);
    case 'order':
      return openOrderKey(entity.accountId, entity.orderId);
    case 'closed_order':
      return closedOrderKey(entity);
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
