/**
 * What servers need before a first start and a start does not make itself: the table on DynamoDB, which is paid for, and
 * whose making needs a right that a running instance should not have. All else is made by the start.
 */
import type { Logger } from '#infrastructure/core/log.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { ProcessConfig } from './options.ts';

/** Answers a sentence for each thing that is there now. May be repeated. Throws `OperatingError`s. */
export async function prepareServers(config: ProcessConfig, logger: Logger): Promise<readonly string[]> {
  const { scheme, server } = config.portfolios;
  if (server === null || scheme !== 'dynamodb') return [];
  const { preparePortfolioTable } = await import('#infrastructure/portfolios/dynamodb/portfolio-table.ts');
  const outcome = await preparePortfolioTable({
    address: server,
    runtime: createSystemRuntime(),
    metrics: createPrometheusMetrics({ processFigures: false }),
    logger,
  });
  return [`The portfolio table ${outcome === 'made' ? 'has been made' : 'was there'}.`];
}
