/** The whole program in this process, on a data folder of its own, for tests that need every real route. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectOperator, type OperatorClient } from '#commands/operator-client.ts';
import { resolveConfiguration } from '#infrastructure/core/configuration.ts';
import { openDataFolder } from '#infrastructure/core/data-folder.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { compose } from './compose.ts';
import { optionGroups } from './targets.ts';

export interface RunningHall {
  readonly address: string;
  readonly dataFolder: string;
  readonly operator: OperatorClient;
  readonly crashes: readonly unknown[];
  /** Lines of its log, level error. */
  readonly errors: readonly string[];
  /** Names the services that did not finish in time. */
  stop(): Promise<readonly string[]>;
}

/** With `data` among the flags the folder stays when it stops. */
export async function startHall(
  flags: Readonly<Record<string, string>>,
  options: { readonly untilReady: boolean } = { untilReady: true },
): Promise<RunningHall> {
  const path = flags['data'] ?? mkdtempSync(join(tmpdir(), 'hall-'));
  const resolved = resolveConfiguration(
    optionGroups.map((group) => group.options),
    { flags: { data: path, port: '0', ...flags }, environment: {}, file: {} },
  );
  if (resolved.kind === 'refused') throw new Error(JSON.stringify(resolved.refusals));
  const crashes: unknown[] = [];
  const errors: string[] = [];
  const folder = openDataFolder(path);
  const runtime = createSystemRuntime();
  const composition = await compose({
    configuration: resolved.configuration,
    targets: [],
    folder,
    runtime,
    logger: createLogger({ level: 'error', format: 'json', write: (line) => errors.push(line) }),
    metrics: createPrometheusMetrics({ processFigures: false }),
    crash: (error) => {
      crashes.push(error);
    },
  });
  await composition.supervisor.start();
  if (options.untilReady) await composition.supervisor.untilReady(AbortSignal.timeout(30_000));
  return {
    address: composition.address() ?? '',
    dataFolder: path,
    operator: connectOperator(path),
    crashes,
    errors,
    stop: async () => {
      const { unfinished } = await composition.supervisor.shutDown(10_000);
      await composition.close();
      folder.release();
      if (flags['data'] === undefined) rmSync(path, { recursive: true, force: true });
      return unfinished;
    },
  };
}
