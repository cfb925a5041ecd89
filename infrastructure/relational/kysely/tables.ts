/**
 * The tables as Kysely sees them, in every dialect.
 *
 * Amounts are counts of 10⁻⁹ units and times are ms, both in 64-bit integers: exact, comparable and summable in
 * SQLite and PostgreSQL alike. Drivers answer such columns as bigint, number or text; `readers.ts` takes all three.
 */
import type { ColumnType } from 'kysely';

/** 64 bits. */
export type Integer64 = ColumnType<bigint | number | string, bigint | number, bigint | number>;
export type NullableInteger64 = ColumnType<
  bigint | number | string | null,
  bigint | number | null,
  bigint | number | null
>;

export interface ApiKeysTable {
  key_id: string;
  account_id: string;
  secret_hash: string;
  created_at_ms: Integer64;
  revoked_at_ms: NullableInteger64;
}

export interface OrdersTable {
  order_id: string;
  user_id: string;
  symbol: string;
  side: string;
  type: string;
  time_in_force: string;
  quantity: NullableInteger64;
  notional: NullableInteger64;
  limit_price: NullableInteger64;
  client_order_id: string | null;
  status: string;
  filled_quantity: Integer64;
  average_fill_price: NullableInteger64;
  reason: string | null;
  body_digest: string;
  created_at_ms: Integer64;
  updated_at_ms: Integer64;
  account_sequence: Integer64;
}

export interface StatementLinesTable {
  entry_id: string;
  account_id: string;
  sequence: Integer64;
  kind: string;
  reference: string;
  symbol: string | null;
  cash_change: Integer64;
  quantity_change: NullableInteger64;
  price: NullableInteger64;
  cash_after: Integer64;
  at_ms: Integer64;
  note: string | null;
}

export interface AccountsTable {
  account_id: string;
  name: string;
  created_at_ms: Integer64;
}

export interface KeyClaimsTable {
  order_id: string;
  body_digest: string;
  holder: string;
  claimed_at_ms: Integer64;
}

/** Of a projection, how far it has come. */
export interface PositionsTable {
  topic: string;
  partition: Integer64;
  next_offset: Integer64;
  last_row: string | null;
}

export interface Tables {
  api_keys: ApiKeysTable;
  orders: OrdersTable;
  statement_lines: StatementLinesTable;
  accounts: AccountsTable;
  key_claims: KeyClaimsTable;
  order_positions: PositionsTable;
  statement_positions: PositionsTable;
}
