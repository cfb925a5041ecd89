/**
 * Runs targets as this process until it is told to end: the part of `tradehall start` that owns signals, the exit
 * code, and the sentence on standard output.
 *
 *   open folder ─▶ compose ─▶ start ─▶ ready ──SIGTERM/SIGINT──▶ drain ─▶ stop ─▶ 0
 *                                        └──── a bug ─▶ 70 (the next start recovers in the ordinary way)
 */
import type { Configuration } from '#infrastructure/core/configuration.ts';
import { openDataFolder } from '#infrastructure/core/data-folder.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { CorruptState } from '#streams/trade-execution/restore.ts';
import { selectTargets } from './chosen-targets.ts';
import { compose } from './compose.ts';
import { endProcess } from './end-process.ts';
import { processOptions } from './options.ts';

const DRAIN_DEADLINE_MS = 9_000;
const HARD_DEADLINE_MS = 9_800;
const EXIT_DONE = 0;
const EXIT_UNCLEAN = 1;
const EXIT_BUG = 70;

export interface ProcessEdge {
  /** One line for the program that waits for readiness. */
  print(line: string): void;
  /** Whole lines of the log. */
  writeLog(text: string): void;
  readonly logToTerminal: boolean;
}

/** Resolves with the exit code once the process has ended its work. Throws `OperatingError`s of a failed start. */
export async function runTargets(
  configuration: Configuration,
  targetNames: readonly string[],
  edge: ProcessEdge,
): Promise<number> {
  const config = configuration.of(processOptions);
  const format = config.logFormat === 'auto' ? (edge.logToTerminal ? 'text' : 'json') : config.logFormat;
  const logger = createLogger({ level: config.logLevel, format, write: edge.writeLog });
  const runtime = createSystemRuntime();
  const metrics = createPrometheusMetrics({ processFigures: config.processMetrics });
  const ending = new AbortController();
  const crash = (error: unknown): void => {
    // Who did not finish in time finds the log closed; an exit would wait for a thread that hangs in it.
    if (ending.signal.aborted && error instanceof OperatingError && error.code === 'LOG_CLOSED') return;
    if (error instanceof CorruptState) {
      logger.error({}, error.message);
      endProcess(EXIT_UNCLEAN);
    }
    logger.error({ error }, 'a bug: the process ends and recovers at its next start');
    endProcess(EXIT_BUG);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  const onSignal = (signal: NodeJS.Signals): void => {
    if (ending.signal.aborted) {
      logger.warn({ signal }, 'a second signal: ending at once');
      endProcess(EXIT_UNCLEAN);
    }
    logger.info({ signal }, 'draining; a second signal ends at once');
    ending.abort();
    // The last resort, should a store hang while it closes. An exit would wait for the thread that hangs.
    setTimeout(() => {
      logger.error({}, 'a store hangs while it closes: the process is killed');
      process.kill(process.pid, 'SIGKILL');
    }, HARD_DEADLINE_MS).unref();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);

  selectTargets(targetNames, configuration);
  const folder = openDataFolder(config.data);
  try {
    logger.info({ dataFolder: folder.path }, 'opening the data folder');
    const composition = await compose({
      configuration,
      targets: targetNames,
      folder,
      runtime,
      logger,
      metrics,
      crash,
    });
    const { supervisor } = composition;
    try {
      await supervisor.start();
      await supervisor.untilReady(ending.signal);
      // A restore leaves a multiple of its state behind, and V8 keeps a heap that has once grown (decision 15).
      await globalThis.gc?.({ type: 'major', execution: 'async' });
      if (!ending.signal.aborted) {
        edge.print(`ready ${composition.address()}`);
        logger.info({ targets: supervisor.services.map((service) => service.name) }, 'ready');
        await new Promise<void>((resolve) =>
          ending.signal.addEventListener('abort', () => resolve(), { once: true }),
        );
      }
      const { unfinished } = await supervisor.shutDown(DRAIN_DEADLINE_MS);
      if (unfinished.length > 0) {
        logger.error({ unfinished }, 'not everything finished in time; the next start recovers what is left');
        return EXIT_UNCLEAN;
      }
    } finally {
      await composition.close();
    }
    logger.info({}, 'stopped');
    return EXIT_DONE;
  } finally {
    folder.release();
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    process.off('uncaughtException', crash);
    process.off('unhandledRejection', crash);
  }
}
