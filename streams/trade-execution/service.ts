/**
 * trade-execution: the price sequencer and the owners of the partitions, wired.
 *
 * 1. `market_data` → price sequencer → a price batch in every partition of `trade_orders`
 * 2. `trade_orders` → the partition's owner → the core → one transaction with everything that follows
 * 3. a kill switch that was committed → the cache's mirror, for readers
 */

import type { Cache } from '#infrastructure/cache/cache.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { TradeExecutionConfig } from './config.ts';
import { HaltsMirror } from './halts-mirror.ts';
import { Owners } from './owners.ts';
import { PriceSequencer } from './price-sequencer.ts';

export interface TradeExecutionPorts {
  readonly log: EventLog;
  /** Written with what the log has decided of halts. */
  readonly cache: Pick<Cache, 'halts'>;
}

export function createTradeExecutionStream(
  context: ServiceContext,
  ports: TradeExecutionPorts,
  config: TradeExecutionConfig,
): Service {
  const own = { ...context, logger: context.logger.child({ service: 'trade-execution' }) };
  const { log, cache } = ports;
  const sequencer = new PriceSequencer({ context: own, log, windowMs: config.priceBatchWindowMs });
  const mirror = new HaltsMirror(own, cache);
  const owners = new Owners({
    context: own,
    log,
    mirror,
    wanted: { fees: feesOf(config), limits: limitsOf(config) },
    maxBatch: config.executionBatchSize,
    lingerMs: config.lingerMs,
  });

  async function stopBoth(): Promise<void> {
    await Promise.all([sequencer.stop(), owners.stop()]);
    mirror.stop();
  }

  return {
    name: 'trade-execution',
    routes: [],
    socketRoutes: [],
    async start() {
      mirror.start();
      owners.start();
      sequencer.start();
    },
    readiness() {
      const reasons = [...owners.trouble(), ...sequencer.trouble()];
      return reasons.length === 0 ? { ready: true } : { ready: false, reasons };
    },
    async status() {
      return { sequencer: await sequencer.status(), owners: await owners.status() };
    },
    drain: stopBoth,
    stop: stopBoth,
  };
}
