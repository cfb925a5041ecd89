/** What the tests of ingestion share: a log and files in a folder of their own, and a clock that sleeping moves. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { decodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Service } from '#infrastructure/core/service.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { CommitOutcome, EventLog, LogRecord } from '#infrastructure/event-log/event-log.ts';
import { openSqliteLogUnderTest } from '#infrastructure/event-log/sqlite/sqlite-log.testing.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { openDuckDbMarketFiles } from '#infrastructure/market-files/duckdb/duckdb-market-files.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { MarketIngestionConfig } from './config.ts';
import { createMarketIngestionService } from './service.ts';

export const START_MS = 1_700_000_000_000;
/** 180 bars of six symbols. */
export const EXCERPT = new URL('../../tests/fixtures/bars_1min_us6_excerpt.csv', import.meta.url);

/** Sleeping takes no time and moves the clock. */
export function createSleepingRuntime(): Runtime {
  const system = createSystemRuntime();
  let nowMs = START_MS;
  return {
    ...system,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    timers: {
      ...system.timers,
      async sleep(durationMs) {
        nowMs += durationMs;
        await system.timers.yieldTurn();
      },
    },
  };
}

export interface IngestionWorld {
  readonly log: EventLog;
  readonly crashes: readonly unknown[];
  /** As Prometheus reads them. */
  figures(): Promise<string>;
  writeFile(name: string, content: string | Uint8Array): Promise<string>;
  service(config: Partial<MarketIngestionConfig>, log?: EventLog): Promise<Service>;
  /** Starts the service, waits until `enough` says so of its status, and stops it. */
  run(
    config: Partial<MarketIngestionConfig>,
    enough: (status: Status) => boolean,
    log?: EventLog,
  ): Promise<Status>;
  records(topic: string): Promise<readonly LogRecord[]>;
  events(): Promise<readonly MarketEvent[]>;
  dispose(): Promise<void>;
}

export type Status = Readonly<Record<string, unknown>>;

export const finished = (status: Status): boolean => status['finished'] === true;

export async function openIngestionWorld(): Promise<IngestionWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-ingestion-'));
  const { log, dispose } = await openSqliteLogUnderTest();
  await log.ensureTopics(
    tradehallTopics({
      partitions: 1,
      marketDataRetentionMs: 'forever',
      tradingRetentionMs: 'forever',
      tombstoneMs: 1_000,
    }),
  );
  const files = await openDuckDbMarketFiles({ directory: join(folder, 'staging') });
  const runtime = createSleepingRuntime();
  const crashes: unknown[] = [];
  const metrics = createPrometheusMetrics({ processFigures: false });

  async function service(config: Partial<MarketIngestionConfig>, through: EventLog = log): Promise<Service> {
    return createMarketIngestionService(
      { runtime, logger: SILENT, metrics, crash: (error) => crashes.push(error) },
      { log: through, files },
      {
        feed: { kind: 'simulated' },
        replaySpeed: 'max',
        seed: 1,
        feedRate: 1_000,
        maxSymbols: 20_000,
        ...config,
      },
    );
  }

  async function records(topic: string): Promise<readonly LogRecord[]> {
    const all: LogRecord[] = [];
    for (let offset = 0; ; ) {
      const some = await log.read({ topic, partition: 0, offset }, 5_000);
      const last = some.at(-1);
      if (last === undefined) return all;
      all.push(...some);
      offset = last.offset + 1;
    }
  }

  return {
    log,
    crashes,
    figures: async () => (await metrics.expose()).text,
    service,
    records,
    async writeFile(name, content) {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    async run(config, enough, through) {
      const running = await service(config, through);
      await running.start();
      try {
        for (;;) {
          const status = await running.status();
          if (enough(status) || status['phase'] === 'stopped' || crashes.length > 0) return status;
          await runtime.timers.yieldTurn();
        }
      } finally {
        await running.drain();
        await running.stop();
      }
    },
    async events() {
      return (await records(TOPIC.marketData)).map(({ value }) => {
        const decoded = decodeMarketEvent(value ?? new Uint8Array());
        if (decoded.kind === 'unreadable') throw new Error(decoded.reason);
        return decoded.value;
      });
    },
    async dispose() {
      await dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `log`, whose producers commit by `through`, which may call the real commit. */
export function committingThrough(
  log: EventLog,
  through: (commit: () => Promise<CommitOutcome>) => Promise<CommitOutcome>,
): EventLog {
  const openProducer: EventLog['openProducer'] = async (id) => {
    const producer = await log.openProducer(id);
    return {
      transactionalId: id,
      close: () => producer.close(),
      commit: (transaction) => through(() => producer.commit(transaction)),
    };
  };
  return logWith(log, { openProducer });
}

/** The world is gone afterwards, and nothing crashed in it. */
export async function inWorld(body: (world: IngestionWorld) => Promise<void>): Promise<void> {
  const world = await openIngestionWorld();
  try {
    await body(world);
    assert.deepEqual(world.crashes, []);
  } finally {
    await world.dispose();
  }
}

export async function replayConfig(world: IngestionWorld) {
  const path = await world.writeFile('bars.csv', await readFile(EXCERPT));
  return { feed: { kind: 'replay', path } } as const;
}

/** The events of that replay, in one go. */
export async function uninterrupted(): Promise<readonly MarketEvent[]> {
  let events: readonly MarketEvent[] = [];
  await inWorld(async (world) => {
    // The ids name the file by its content, so another world gives the same ones.
    await world.run(await replayConfig(world), finished);
    events = await world.events();
  });
  return events;
}
