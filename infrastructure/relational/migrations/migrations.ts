/**
 * All migrations, in order. A released one is never edited; its name is stored in the databases it has run on.
 * They use what SQLite and PostgreSQL share; a step that one of them needs asks which it is on.
 */
import type { Migration } from 'kysely/migration';
import { firstTables } from './0001-first-tables.ts';
import { plainOrderOfIds } from './0002-plain-order-of-ids.ts';
import { referencesOfTransfers } from './0003-references-of-transfers.ts';
import { claimsOfKeys } from './0004-claims-of-keys.ts';
import { positions } from './0005-positions.ts';

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-tables': firstTables,
  '0002-plain-order-of-ids': plainOrderOfIds,
  '0003-references-of-transfers': referencesOfTransfers,
  '0004-claims-of-keys': claimsOfKeys,
  '0005-positions': positions,
};
