/** `node:sqlite` in the form that Kysely's SQLite dialect asks for, with failures made into `OperatingError`s. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { SqliteDatabase } from 'kysely';
import { guardSqlite } from '#infrastructure/common/sqlite-file.ts';
import { StatementCache } from '#infrastructure/common/sqlite-statements.ts';

export function forKysely(database: DatabaseSync, name: string, path: string): SqliteDatabase {
  const statements = new StatementCache(database);
  const guard = <T>(work: () => T): T => guardSqlite(name, path, work);
  return {
    close: () => database.close(),
    prepare(sql) {
      const { statement, answersRows } = guard(() => statements.prepare(sql));
      return {
        reader: answersRows,
        all: (parameters) => guard(() => statement.all(...bound(parameters))),
        run: (parameters) => guard(() => statement.run(...bound(parameters))),
        iterate: (parameters) => statement.iterate(...bound(parameters)),
      };
    },
  };
}

/** The tables hold text and 64-bit integers only, and `Tables` lets nothing else in. */
export function bound(parameters: readonly unknown[]): readonly SQLInputValue[] {
  return parameters as readonly SQLInputValue[];
}
