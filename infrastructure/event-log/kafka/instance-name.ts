/** The name of an instance on the cluster, kept in its data folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '#infrastructure/core/durable-files.ts';

const FILE = 'instance';

/** The same after a restart: a transaction that this instance left open is ended when it comes back. */
export function instanceName(directory: string, fresh: string): string {
  const file = join(directory, FILE);
  if (!existsSync(file)) replaceFile(file, fresh);
  return readFileSync(file, 'utf8');
}
