/**
 * `node:sqlite` in the form that Kysely's SQLite dialect asks for, with prepared statements kept and failures
 * made into `OperatingError`s.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { guardSqlite } from '#infrastructure/common/sqlite-file.ts';

const STATEMENTS_KEPT = 64;

export function forKysely(database: DatabaseSync, name: string, path: string): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  const guard = <T>(work: () => T): T => guardSqlite(name, path, work);
  return {
    close: () => database.close(),
    prepare(sql) {
      const kept = statements.get(sql);
      if (kept !== undefined) return kept;
      const statement = toKyselyStatement(
        guard(() => database.prepare(sql)),
        guard,
      );
      const oldest = statements.size < STATEMENTS_KEPT ? undefined : statements.keys().next().value;
      if (oldest !== undefined) statements.delete(oldest);
      statements.set(sql, statement);
      return statement;
    },
  };
}

function toKyselyStatement(statement: StatementSync, guard: <T>(work: () => T) => T): SqliteStatement {
  statement.setReadBigInts(true);
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => guard(() => statement.all(...bound(parameters))),
    run: (parameters) => guard(() => statement.run(...bound(parameters))),
    iterate: (parameters) => statement.iterate(...bound(parameters)),
  };
}

/** The tables hold text and 64-bit integers only, and `Tables` lets nothing else in. */
function bound(parameters: readonly unknown[]): readonly SQLInputValue[] {
  return parameters as readonly SQLInputValue[];
}
