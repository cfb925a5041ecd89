/** Which package may be imported where. A package that is not in the table may be imported nowhere. */
import type { Rule, Violation } from './judge.ts';
import { isTest } from './source.ts';

const VENDORS: Readonly<Record<string, RegExp>> = {
  fastify: /^services\/api-gateway\//,
  '@fastify/swagger': /^services\/api-gateway\//,
  '@fastify/swagger-ui': /^services\/api-gateway\//,
  ws: /^services\/api-gateway\//,
  kysely: /^infrastructure\/relational\//,
  'node:sqlite':
    /^infrastructure\/([^/]+\/sqlite\/|common\/sqlite-[a-z-]+\.ts$|core\/data-folder\.ts$|relational\/)|^scripts\/dev-servers\/install\.ts$/,
  '@duckdb/node-api': /^infrastructure\/[^/]+\/duckdb\//,
  pino: /^infrastructure\/core\//,
  'prom-client': /^infrastructure\/core\//,
  commander: /^commands\//,
  cockatiel: /^infrastructure\/common\/server-calls\.ts$/,
  '@confluentinc/kafka-javascript': /^infrastructure\/event-log\/kafka\//,
  '@platformatic/kafka':
    /^infrastructure\/event-log\/kafka\/(protocol-client|committed-fetches|fetch-call)\.ts$/,
  ioredis: /^infrastructure\/cache\/redis\//,
  pg: /^infrastructure\/relational\/postgres\//,
  '@aws-sdk/client-dynamodb': /^infrastructure\/portfolios\/dynamodb\//,
  '@clickhouse/client': /^infrastructure\/trade-analytics\/clickhouse\//,
  '@elastic/elasticsearch': /^infrastructure\/trade-history\/search-index\//,
  '@opensearch-project/opensearch': /^infrastructure\/trade-history\/search-index\//,
  'csv-parse': /^infrastructure\/market-files\//,
  'hdr-histogram-js': /^(commands|composition)\//,
  undici: /^(commands|services\/api-gateway\/proxy)\//,
  typebox: /^(domain\/data|services|streams|infrastructure\/core|infrastructure\/event-log)\//,
};

const TEST_VENDORS = new Set([
  'yaml',
  ...Object.keys(VENDORS),
  'fast-check',
  'phoenix',
  'playwright-core',
  'undici',
]);

export const vendors: Rule = {
  name: 'vendors',
  check: (files) =>
    files.flatMap((file) =>
      file.imports.flatMap((imported): readonly Violation[] => {
        if (imported.target !== null) return [];
        const name = packageOf(imported.specifier);
        if (name.startsWith('node:') && VENDORS[name] === undefined) return [];
        const wrong = (message: string): readonly Violation[] => [
          { path: file.path, line: imported.line, rule: 'vendors', message },
        ];
        if (isTest(file.path)) {
          return TEST_VENDORS.has(name) ? [] : wrong(`${name} is not in the table of tests/house/vendors.ts`);
        }
        const allowed = VENDORS[name];
        if (allowed === undefined) return wrong(`${name} is not in the table of tests/house/vendors.ts`);
        if (allowed.test(file.path)) return [];
        return wrong(
          `${name} belongs behind its port: only ${allowed.source} may import it; take the port instead`,
        );
      }),
    ),
};

/** `typebox/value` → `typebox`; `@duckdb/node-api` stays; `node:fs/promises` → `node:fs`. */
function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}
