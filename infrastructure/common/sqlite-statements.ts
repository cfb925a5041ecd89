/** Prepared statements of one connection, kept by their SQL. Integers are read as bigints. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export interface PreparedStatement {
  readonly statement: StatementSync;
  readonly answersRows: boolean;
}

const KEPT_MAX = 64;

export class StatementCache {
  readonly #database: DatabaseSync;
  readonly #kept = new Map<string, PreparedStatement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): PreparedStatement {
    const kept = this.#kept.get(sql);
    if (kept !== undefined) return kept;
    const statement = this.#database.prepare(sql);
    statement.setReadBigInts(true);
    const prepared = { statement, answersRows: statement.columns().length > 0 };
    const oldest = this.#kept.size < KEPT_MAX ? undefined : this.#kept.keys().next().value;
    if (oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(sql, prepared);
    return prepared;
  }
}
