/** What `tradehall status` shows: targets here and elsewhere and their health, the log's extents and lags, the feed's age, disk use. */
import { Type } from 'typebox';
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { ProcessView } from './process-view.ts';
import type { RemoteServices } from './proxy/remote-services.ts';

/** A part that fails must not hide the others: its error stands in its place. */
async function orError(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OperatingError) return { error: error.message, code: error.code };
    throw error;
  }
}

async function targetOf(service: Service): Promise<Record<string, unknown>> {
  const state = service.readiness();
  return {
    name: service.name,
    ready: state.ready,
    reasons: state.ready ? [] : state.reasons,
    status: await orError(() => service.status()),
  };
}

type StatusLog = Pick<EventLog, 'topics' | 'extents' | 'groups' | 'committedPositions'>;

async function logOf(log: StatusLog): Promise<Record<string, unknown>> {
  const topics = await log.topics();
  const extents = (await Promise.all(topics.map((topic) => log.extents(topic.name)))).flat();
  const ends = new Map(extents.map((extent) => [`${extent.topic}/${extent.partition}`, extent.nextOffset]));
  const groups = await log.groups();
  const lags = await Promise.all(
    groups.map(async (group) => ({
      group,
      positions: (await log.committedPositions(group)).map((position) => ({
        ...position,
        // Positions are looked up after the ends, and may have passed them.
        lag: Math.max(0, (ends.get(`${position.topic}/${position.partition}`) ?? 0) - position.offset),
      })),
    })),
  );
  return { partitions: extents, groups: lags };
}

interface StatusCache {
  readonly prices: Pick<Cache['prices'], 'latestFeedTimestampMs'>;
  readonly halts: Pick<Cache['halts'], 'get'>;
}

/** As far as execution has told the cache. */
async function tradingOf(log: StatusLog, cache: StatusCache): Promise<Record<string, unknown>> {
  const partitions = (await log.extents(TOPIC.tradeOrders)).map(({ partition }) => partition);
  const told = await Promise.all(partitions.map((partition) => cache.halts.get(partition)));
  const halts = told.filter((each) => each !== null);
  const accounts = halts.flatMap((each) => each.accounts);
  return {
    partitions: partitions.length,
    partitionsUnknown: told.length - halts.length,
    partitionsHalted: halts.filter(({ all }) => all).length,
    accountsHalted: accounts.filter(({ killSwitchEngaged }) => killSwitchEngaged).length,
    breakersTripped: accounts.filter(({ breaker }) => breaker.state !== 'OPEN').length,
    unlisted: halts.reduce((sum, { unlisted }) => sum + unlisted, 0),
  };
}

/** `/readyz` says nothing of them: a gateway without one service still has the others. */
function servicesAway(elsewhere: ReturnType<RemoteServices['view']>): readonly string[] {
  return Object.entries(elsewhere)
    .filter(([, instances]) => !instances.some(({ state }) => state === 'ready'))
    .map(([name]) => `${name}: no instance of it is ready`);
}

export function statusRoute(
  view: Pick<ProcessView, 'services' | 'readiness' | 'diskUse' | 'dataFolder' | 'version'>,
  log: StatusLog,
  cache: StatusCache,
  remote: Pick<RemoteServices, 'view'>,
): Route {
  return {
    method: 'GET',
    path: '/operator/status',
    access: 'operator',
    summary: 'Targets, health, lags, positions, feed and disk',
    tag: 'operation',
    schema: { response: { 200: Type.Object({}, { additionalProperties: true }) } },
    problems: [],
    async handle() {
      const readiness = view.readiness();
      const elsewhere = remote.view();
      const away = servicesAway(elsewhere);
      const [targets, logState, trading, latestFeedTimestampMs, disk] = await Promise.all([
        Promise.all(view.services().map(targetOf)),
        orError(() => logOf(log)),
        orError(() => tradingOf(log, cache)),
        orError(() => cache.prices.latestFeedTimestampMs()),
        orError(() => view.diskUse()),
      ]);
      const latestFeedTimestamp =
        typeof latestFeedTimestampMs === 'number'
          ? new Date(latestFeedTimestampMs).toISOString()
          : latestFeedTimestampMs;
      return {
        kind: 'json',
        status: 200,
        body: {
          version: view.version,
          dataFolder: view.dataFolder,
          ready: readiness.ready && away.length === 0,
          reasons: readiness.ready ? away : [...readiness.reasons, ...away],
          targets,
          elsewhere,
          log: logState,
          feed: { latestFeedTimestamp },
          trading,
          disk,
        },
      };
    },
  };
}
