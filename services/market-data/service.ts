/**
 * market-data: keeps the price cache filled from the log, and serves prices and order updates to sockets.
 *
 *   market_data ──▶ PriceFiller ──▶ cache ──subscribe──▶ PriceChannels ──┐
 *   order_updates ──▶ OrderUpdateFeed ──▶ AccountChannels ───────────────┴──▶ SocketHub ──▶ clients
 *
 * Sockets hear prices from the cache, not from the filler, so that several instances may share one cache.
 */
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { retryForever } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { MarketDataConfig } from './config.ts';
import { OrderUpdateFeed } from './order-update-feed.ts';
import { readWireUpdate } from './order-update-wire.ts';
import { PriceFiller } from './price-filler.ts';
import { AccountChannels } from './socket/account-channel.ts';
import { PriceChannels } from './socket/price-channels.ts';
import { SocketHub } from './socket/socket-hub.ts';
import { symbolRoutes } from './symbol-routes.ts';

export interface MarketDataPorts {
  readonly log: EventLog;
  readonly cache: Cache;
}

const FIGURES_PERIOD_MS = 1_000;

export function createMarketDataService(
  context: ServiceContext,
  ports: MarketDataPorts,
  config: MarketDataConfig,
): Service {
  const { runtime, logger, metrics, crash } = context;
  const { log, cache } = ports;
  const abort = new AbortController();
  const filler = new PriceFiller(context, ports, config, abort.signal);
  const closedSockets = metrics.counter(
    'tradehall_market_data_sockets_closed_total',
    'Sockets closed by us, by code.',
    ['code'],
  );
  const conflated = metrics.counter(
    'tradehall_market_data_conflated_total',
    'Prices a slow client was not sent.',
  );
  const openSockets = metrics.gauge('tradehall_market_data_sockets', 'Open sockets.');
  const slowSockets = metrics.gauge(
    'tradehall_market_data_slow_sockets',
    'Open sockets that are being conflated.',
  );
  const unreadable = metrics.counter(
    'tradehall_market_data_unreadable_total',
    'Records that market-data could not read, by topic.',
    ['topic'],
  );
  const prices = new PriceChannels({
    timers: runtime.timers,
    maxSymbols: config.maxSymbols,
    resumeEventsPerSymbol: config.resumeEventsPerSymbol,
    resumeEventsTotal: config.resumeEventsTotal,
    crash,
  });
  const accounts = new AccountChannels({
    maxPerAccount: config.resumeUpdatesPerAccount,
    maxTotal: config.resumeUpdatesTotal,
    read: readWireUpdate,
    onUnreadable(accountId, errors) {
      unreadable.increment({ topic: 'order_updates' });
      logger.error({ accountId, errors }, 'an order update cannot be read; its account has to join again');
    },
  });
  const updates = new OrderUpdateFeed(context, log, config, abort.signal, (accountId, bytes) =>
    accounts.record(accountId, bytes),
  );
  let subscribed = false;
  const reasons = () => [
    ...new Set([
      ...(subscribed ? [] : ['prices are not subscribed to yet']),
      ...filler.reasonsNotReady(),
      ...updates.reasonsNotReady(),
    ]),
  ];
  let begun = false;
  const hub = new SocketHub({
    runtime,
    limits: config,
    prices,
    accounts,
    // Once begun it goes on through outages: what is missed is missing for all, and sequences tell.
    isReady: () => (begun ||= reasons().length === 0),
    onClosed: ({ code }) => closedSockets.increment({ code: String(code) }),
    onConflated: () => conflated.increment(),
  });
  let unsubscribe: (() => Promise<void>) | null = null;
  let stopFigures = () => {};
  let loops: readonly Promise<void>[] = [];

  async function hearPrices(): Promise<void> {
    const { timers, randomness } = runtime;
    await retryForever(
      async () => {
        unsubscribe ??= await cache.prices.subscribe((accepted) => prices.publish(accepted));
        prices.publish(await cache.prices.all());
        subscribed = true;
      },
      {
        timers,
        randomness,
        signal: abort.signal,
        logger,
        what: 'subscribe to prices',
        retryUnknown: true,
        retryNever: true,
      },
    );
  }

  async function fillAndHear(): Promise<void> {
    await filler.prepare();
    // Subscribed before it is filled, so that no price is put before somebody hears it.
    await hearPrices();
    await filler.run();
  }

  return {
    name: 'market-data',
    routes: symbolRoutes(cache, logger),
    socketRoutes: [hub.route],

    async start() {
      hub.start();
      stopFigures = runtime.timers.every(FIGURES_PERIOD_MS, () => {
        openSockets.set(hub.sockets);
        slowSockets.set(hub.slowSockets);
      });
      loops = [fillAndHear(), updates.run()].map((loop) => loop.catch(crash));
    },

    readiness() {
      const given = reasons();
      return given.length === 0 ? { ready: true } : { ready: false, reasons: given };
    },

    async status() {
      const { positions, ...figures } = filler.status();
      const next = new Map(positions.map(({ partition, offset }) => [partition, offset]));
      const lag = await unlessDown(async () => {
        const ends = await log.extents(TOPIC.marketData);
        return ends.reduce(
          (sum, end) => sum + Math.max(0, end.nextOffset - (next.get(end.partition) ?? 0)),
          0,
        );
      });
      return {
        ...figures,
        lag,
        positions: [...positions, ...updates.positions()],
        marketTimeMs: await unlessDown(() => cache.prices.latestFeedTimestampMs()),
        sockets: hub.sockets,
        slowSockets: hub.slowSockets,
      };
    },

    async drain() {
      hub.drain();
    },

    async stop() {
      abort.abort();
      hub.stop();
      stopFigures();
      await Promise.all(loops);
      await unsubscribe?.();
      unsubscribe = null;
    },
  };
}

/** Status is shown above all when something is down: what cannot be read is `null`, the rest is told. */
async function unlessDown<Value>(read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof OperatingError) return null;
    throw error;
  }
}
