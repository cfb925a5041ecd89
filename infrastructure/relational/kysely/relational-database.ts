/**
 * What the stores need of a database: a Kysely to read with (and to build queries with), and writes that are
 * handed over as built queries, one transaction each, so that an adapter may run them elsewhere.
 */
import type { Compilable, Kysely } from 'kysely';
import type { Tables } from './tables.ts';

export interface RelationalDatabase {
  readonly tables: Kysely<Tables>;
  /** All or nothing, durable when it resolves. Answers how many rows each query changed. */
  write(queries: readonly Compilable[]): Promise<readonly number[]>;
  close(): Promise<void>;
}
