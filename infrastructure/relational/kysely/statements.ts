/** Account statements: every ledger entry of an account, as its lines. */
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import type { StatementLine, StatementStore } from '../stores.ts';
import { createPositions } from './positions.ts';
import { readInteger, readScaled, readScaledOrNull } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import { rowStatement } from './row-statement.ts';
import type { StatementLinesTable } from './tables.ts';

const COLUMNS = [
  'entry_id',
  'account_id',
  'sequence',
  'kind',
  'reference',
  'symbol',
  'cash_change',
  'quantity_change',
  'price',
  'cash_after',
  'at_ms',
  'note',
] as const;

/** Word for word the condition of the index over references (migration 0003): else it is not used. */
const OF_TRANSFERS = sql<boolean>`kind not in ('FILL', 'FEE')`;

export function createStatementStore(database: RelationalDatabase): StatementStore {
  const { tables } = database;
  const insertion = rowStatement(COLUMNS, (row: Insertable<StatementLinesTable>) =>
    tables
      .insertInto('statement_lines')
      .values(row)
      .onConflict((conflict) => conflict.column('entry_id').doNothing()),
  );
  const positions = createPositions(database, 'statement_positions');

  return {
    async append(lines, read = []) {
      const insertions = lines.map((line) => insertion(toRow(line)));
      return positions.writeWith(insertions, read, lines.at(-1)?.entryId ?? null);
    },
    positions: positions.read,

    async findTransfer(accountId, commandId) {
      const row = await tables
        .selectFrom('statement_lines')
        .selectAll()
        .where('account_id', '=', accountId)
        .where('reference', '=', commandId)
        .where(OF_TRANSFERS)
        .orderBy('sequence')
        .limit(1)
        .executeTakeFirst();
      return row === undefined ? null : toLine(row);
    },

    async list({ accountId, fromMs, toMs, afterSequence, limit }) {
      let select = tables.selectFrom('statement_lines').selectAll().where('account_id', '=', accountId);
      if (fromMs !== undefined) select = select.where('at_ms', '>=', fromMs);
      if (toMs !== undefined) select = select.where('at_ms', '<', toMs);
      if (afterSequence !== undefined) select = select.where('sequence', '>', afterSequence);
      const rows = await select.orderBy('sequence').limit(limit).execute();
      return rows.map(toLine);
    },

    async scan(after, limit) {
      const rows = await tables
        .selectFrom('statement_lines')
        .selectAll()
        .where('entry_id', '>', after ?? '')
        .orderBy('entry_id')
        .limit(limit)
        .execute();
      return rows.map(toLine);
    },
  };
}

function toRow(line: StatementLine): Insertable<StatementLinesTable> {
  return {
    entry_id: line.entryId,
    account_id: line.accountId,
    sequence: line.sequence,
    kind: line.kind,
    reference: line.reference,
    symbol: line.symbol,
    cash_change: line.cashChange,
    quantity_change: line.quantityChange,
    price: line.price,
    cash_after: line.cashAfter,
    at_ms: line.atMs,
    note: line.note,
  };
}

function toLine(row: Selectable<StatementLinesTable>): StatementLine {
  return {
    entryId: row.entry_id,
    accountId: row.account_id as AccountId,
    sequence: readInteger(row.sequence),
    kind: row.kind as StatementLine['kind'],
    reference: row.reference,
    symbol: row.symbol as Symbol | null,
    cashChange: readScaled<Money>(row.cash_change),
    quantityChange: readScaledOrNull<Quantity>(row.quantity_change),
    price: readScaledOrNull<Price>(row.price),
    cashAfter: readScaled<Money>(row.cash_after),
    atMs: readInteger(row.at_ms),
    note: row.note,
  };
}
