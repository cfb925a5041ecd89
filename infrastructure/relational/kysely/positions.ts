/**
 * How far a projection in the database has come in the log: one row for each partition, changed in the transaction that
 * writes what was read.
 *
 *   a stretch from the first record on       ─▶ the row is made, or put back
 *   one that begins at or below the position ─▶ the row moves to its end
 *   one that begins behind it, or no row     ─▶ the row stays: what is in between was lost, or never was here
 *
 * A row names the last row that was written with it and goes when that goes (a foreign key), so that a table which
 * somebody empties takes its positions along.
 */
import type { Compilable } from 'kysely';
import type { StorePosition, Stretch } from '#infrastructure/common/store-progress.ts';
import { readInteger } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import { rowStatement } from './row-statement.ts';

type PositionsName = 'order_positions' | 'statement_positions';

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly next_offset: number;
  readonly last_row: string | null;
}

const COLUMNS = ['topic', 'partition', 'from', 'next_offset', 'last_row'] as const;

export interface Positions {
  read(): Promise<readonly StorePosition[]>;
  /** One transaction. Answers `false` if a position stays. `lastRow` is there once `rows` are written. */
  writeWith(
    rows: readonly Compilable[],
    stretches: readonly Stretch[],
    lastRow: string | null,
  ): Promise<boolean>;
}

export function createPositions({ tables, write }: RelationalDatabase, table: PositionsName): Positions {
  const begin = rowStatement(COLUMNS, ({ topic, partition, next_offset, last_row }: Row) =>
    tables
      .insertInto(table)
      .values({ topic, partition, next_offset, last_row })
      .onConflict((conflict) =>
        conflict.columns(['topic', 'partition']).doUpdateSet((column) => ({
          next_offset: column.ref('excluded.next_offset'),
          last_row: column.fn.coalesce('excluded.last_row', `${table}.last_row`),
        })),
      ),
  );
  const goOn = rowStatement(COLUMNS, ({ topic, partition, from, next_offset, last_row }: Row) =>
    tables
      .updateTable(table)
      .set((column) => ({
        next_offset,
        last_row: column.fn.coalesce(column.val(last_row), 'last_row'),
      }))
      .where('topic', '=', topic)
      .where('partition', '=', partition)
      .where('next_offset', '>=', from),
  );

  return {
    async read() {
      const rows = await tables.selectFrom(table).selectAll().execute();
      return rows.map(({ topic, partition, next_offset }) => ({
        topic,
        partition: readInteger(partition),
        offset: readInteger(next_offset),
      }));
    },
    async writeWith(rows, stretches, lastRow) {
      const moves = stretches.map(({ topic, partition, from, offset }) => {
        const move = from === 0 ? begin : goOn;
        return move({ topic, partition, from, next_offset: offset, last_row: lastRow });
      });
      if (rows.length + moves.length === 0) return true;
      const changes = await write([...rows, ...moves]);
      return changes.slice(rows.length).every((changed) => changed === 1);
    },
  };
}
