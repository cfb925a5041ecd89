/** Options that put a hall's stores on the test servers, under a name of their own. */
import assert from 'node:assert/strict';
import { resolveConfiguration } from '#infrastructure/core/configuration.ts';
import { sharedServer } from '#tests/support/servers.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { type ProcessConfig, processOptions } from './options.ts';

export type Flags = Readonly<Record<string, string>>;

/** Portfolios on DynamoDB, analytics on ClickHouse, where the database is made, and history on OpenSearch. */
export async function storesOnServers(name: string): Promise<Flags> {
  process.env['AWS_ACCESS_KEY_ID'] = 'tests';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'tests';
  const [dynamodb, clickhouse, opensearch] = await Promise.all(
    (['dynamodb', 'clickhouse', 'opensearch'] as const).map(sharedServer),
  );
  const { endpoint = '' } = serverOptions(dynamodb ?? '').address.parameters;
  const [{ host, port }] = serverOptions(clickhouse ?? '').address.hosts;
  const made = await fetch(`http://${host}:${port}/`, { method: 'POST', body: `CREATE DATABASE ${name}` });
  assert.equal(made.status, 200, await made.text());
  return {
    portfolios: `dynamodb://eu-central-1/${name}?endpoint=${endpoint}`,
    analytics: `clickhouse://${host}:${port}/${name}`,
    history: `${opensearch ?? ''}/${name}`,
  };
}

export function configOf(flags: Flags): ProcessConfig {
  const resolved = resolveConfiguration([processOptions], { flags, environment: {}, file: {} });
  assert(resolved.kind === 'resolved', JSON.stringify(resolved));
  return resolved.configuration.of(processOptions);
}
