/** market-ingestion: takes one feed and writes it to `market_data`, each event once. See README.md. */
import { formatTimestamp } from '#domain/data/timestamp.ts';
import type { Readiness, Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { MarketFiles } from '#infrastructure/market-files/market-files.ts';
import type { MarketIngestionConfig } from './config.ts';
import type { Feed } from './feed.ts';
import { createFollowers } from './followers.ts';
import { createIngestion } from './ingestion-loop.ts';
import { createPacer } from './pacer.ts';
import { createReplayFeed } from './replay-feed.ts';
import { createSimulatedFeed } from './simulated-feed.ts';

export interface MarketIngestionPorts {
  readonly log: EventLog;
  readonly files: MarketFiles;
}

export function createMarketIngestionService(
  context: ServiceContext,
  ports: MarketIngestionPorts,
  config: MarketIngestionConfig,
): Service {
  const feed = createFeed(context, ports, config);
  const face = { name: 'market-ingestion', routes: [], socketRoutes: [] } as const;
  if (feed === null) {
    return {
      ...face,
      async start() {},
      readiness: () => ({ ready: true }),
      status: async () => ({ feed: 'none' }),
      async drain() {},
      async stop() {},
    };
  }

  const stopping = new AbortController();
  const ingestion = createIngestion({
    feed,
    log: ports.log,
    runtime: context.runtime,
    logger: context.logger.child({ service: face.name }),
    metrics: context.metrics,
    signal: stopping.signal,
    maxSymbols: config.maxSymbols,
    followers: config.replaySpeed === 'max' ? createFollowers(ports.log, context.runtime) : null,
  });
  let running: Promise<void> | null = null;
  let everCommitted = false;

  async function finish(): Promise<void> {
    stopping.abort();
    await running;
  }

  return {
    ...face,
    async start() {
      await feed.open();
      running = ingestion.run().catch(context.crash);
    },
    readiness(): Readiness {
      const { phase, trouble } = ingestion.progress();
      if (phase === 'running' || phase === 'finished') everCommitted = true;
      if (phase === 'stopped') return { ready: false, reasons: [trouble ?? 'ingestion has stopped'] };
      // Once there are prices, a log or feed that is away for a while ages them; whoever needs them fresh refuses.
      if (everCommitted) return { ready: true };
      return { ready: false, reasons: [trouble ?? `no event of ${feed.source} has been written yet`] };
    },
    async status() {
      const { lastEventMs, ...progress } = ingestion.progress();
      return {
        feed: feed.source,
        ...progress,
        finished: progress.phase === 'finished',
        lastEventTime: lastEventMs === null ? null : formatTimestamp(lastEventMs),
      };
    },
    drain: finish,
    async stop() {
      await finish();
      await feed.close();
    },
  };
}

function createFeed(
  context: ServiceContext,
  ports: MarketIngestionPorts,
  config: MarketIngestionConfig,
): Feed | null {
  const pacer = createPacer(context.runtime, config.replaySpeed);
  switch (config.feed.kind) {
    case 'none':
      return null;
    case 'simulated':
      return createSimulatedFeed(config, context.runtime.clock, pacer);
    case 'replay':
      return createReplayFeed(ports.files, config.feed.path, context.runtime.clock, pacer);
  }
}
