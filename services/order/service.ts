/**
 * The order service: accepts orders and cancels onto `trade_orders`, keeps the order index, and serves orders and the
 * operator's account commands.
 *
 * 1. `POST /v1/orders` → early checks → one append → 202
 * 2. `trade_orders` and `order_updates` (group order-index) → order index, account directory
 */

import { TOPIC } from '#domain/data/topics.ts';
import type { OpenAccount } from '#domain/data/trading-inputs.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import { createConsumerLoop } from '#infrastructure/event-log/consumer-loop.ts';
import { readOrderUpdate, readTradingInput } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog, LogRecord } from '#infrastructure/event-log/event-log.ts';
import { readRecords } from '#infrastructure/event-log/read-records.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import type {
  AccountDirectory,
  AccountRecord,
  KeyClaims,
  OrderIndex,
  StatementStore,
} from '#infrastructure/relational/stores.ts';
import { accountRoutes } from './account-routes.ts';
import { breakerRoutes } from './breaker-routes.ts';
import type { OrderConfig } from './config.ts';
import { IndexLag, ORDER_INDEX_GROUP } from './index-lag.ts';
import { killSwitchRoutes } from './kill-switch-routes.ts';
import { indexRows } from './order-index-fold.ts';
import { type OrderRouteParts, orderRoutes } from './order-routes.ts';
import { createPlaceOrder } from './place-order.ts';
import { RecentOrders } from './recent-orders.ts';

/** The portfolio service's. */
const STATEMENTS_GROUP = 'portfolio-statements';
const CLAIMS_KEPT_MS = 86_400_000;
const DROP_CLAIMS_EVERY_MS = 3_600_000;

export interface OrderPorts {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly portfolios: PortfolioStore;
  readonly orders: OrderIndex;
  /** `null` where no other instance places orders. */
  readonly keyClaims: KeyClaims | null;
  readonly statements: StatementStore;
  readonly accounts: AccountDirectory;
}

export function createOrderService(context: ServiceContext, ports: OrderPorts, config: OrderConfig): Service {
  const { runtime, metrics, crash } = context;
  const logger = context.logger.child({ service: 'order' });
  const { log } = ports;
  const recent = new RecentOrders(config.recentOrders);
  const onIndexed = (partition: number, nextOffset: number) => recent.indexedUpTo(partition, nextOffset);
  const indexLag = new IndexLag({
    name: 'the order index',
    group: ORDER_INDEX_GROUP,
    topic: TOPIC.tradeOrders,
    log,
    positions: () => ports.orders.positions(),
    runtime,
    logger,
    maxLag: config.maxIndexLag,
    onIndexed,
  });
  const statementLag = new IndexLag({
    name: 'the account statements',
    group: STATEMENTS_GROUP,
    topic: TOPIC.ledgerEntries,
    log,
    positions: () => ports.statements.positions(),
    runtime,
    logger,
    maxLag: config.maxIndexLag,
    onIndexed() {},
  });
  const parts: OrderRouteParts = {
    ...ports,
    recent,
    indexLag,
    runtime,
    logger,
    fees: feesOf(config),
    limits: limitsOf(config),
    maxInFlight: config.maxOrdersInFlight,
  };
  const { placeOrder, inFlight } = createPlaceOrder(parts);
  const answers = metrics.counter('tradehall_orders_answered_total', 'Answers to POST /v1/orders.', [
    'outcome',
  ]);

  async function read(records: readonly LogRecord[]) {
    // Prices and controls have no key and are most of `trade_orders`: they are not even decoded.
    const commands = records.filter(({ topic, key }) => topic === TOPIC.tradeOrders && key !== null);
    const inputs = await readRecords(log, ORDER_INDEX_GROUP, commands, readTradingInput);
    const steps = records.filter(({ topic }) => topic === TOPIC.orderUpdates);
    const updates = await readRecords(log, ORDER_INDEX_GROUP, steps, readOrderUpdate);
    const commandsRead = inputs.map(({ value }) => value);
    const submitted = commandsRead.filter((input) => input.type === 'SubmitOrder');
    return {
      // The directory can be rebuilt too: a log that was imported has its accounts.
      opened: commandsRead.filter((input) => input.type === 'OpenAccount').map(accountRecord),
      orders: indexRows({ submitted, updates: updates.map(({ value }) => value) }),
      submitted: submitted.map(({ orderId }) => orderId),
    };
  }

  const indexLoop = createConsumerLoop({
    log,
    runtime,
    logger,
    metrics,
    crash,
    group: ORDER_INDEX_GROUP,
    topics: [TOPIC.tradeOrders, TOPIC.orderUpdates],
    maxRecords: config.indexBatchSize,
    lingerMs: config.indexLingerMs,
    storePositions: () => ports.orders.positions(),
    read,
    async store({ opened, orders, submitted }, stretches) {
      await ports.accounts.put(opened);
      const isWhole = await ports.orders.put(orders, stretches);
      await ports.keyClaims?.settle(submitted);
      return isWhole ? stretches : null;
    },
  });

  async function dropOldClaims(): Promise<void> {
    try {
      await ports.keyClaims?.dropClaimedBefore(runtime.clock.nowMs() - CLAIMS_KEPT_MS);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ code: error.code, error: error.message }, 'old claims of idempotency keys stay for now');
    }
  }
  let stopDropping = (): void => {};

  async function stopAll(): Promise<void> {
    stopDropping();
    indexLag.stop();
    statementLag.stop();
    await indexLoop.stop();
  }

  return {
    name: 'order',
    routes: [
      ...orderRoutes(parts, async (request) => {
        const answer = await placeOrder(request);
        const outcome = answer.kind === 'problem' ? answer.problem.code : 'ACCEPTED';
        answers.increment({ outcome });
        return answer;
      }),
      ...accountRoutes({ ...ports, statementLag, runtime, logger, waitMs: config.accountWaitMs }),
      ...killSwitchRoutes({ ...ports, runtime, logger, waitMs: config.accountWaitMs }),
      ...breakerRoutes({ ...ports, runtime, logger, waitMs: config.accountWaitMs }),
    ],
    socketRoutes: [],
    async start() {
      stopDropping = runtime.timers.every(DROP_CLAIMS_EVERY_MS, dropOldClaims);
      indexLoop.start();
      await indexLag.start();
      await statementLag.start();
    },
    readiness() {
      const reasons = [indexLoop.trouble(), indexLag.trouble(), statementLag.trouble()].filter(
        (reason) => reason !== null,
      );
      return reasons.length === 0 ? { ready: true } : { ready: false, reasons };
    },
    async status() {
      return {
        consumers: [await indexLoop.status()],
        indexLag: indexLag.worstLag,
        recentOrders: recent.size,
        ordersInFlight: inFlight(),
      };
    },
    // The gateway has stopped taking orders; what execution still says of them is indexed before the stop.
    async drain() {},
    stop: stopAll,
  };
}

function accountRecord({ accountId, name, ingestTimeMs }: OpenAccount): AccountRecord {
  return { accountId, name, createdAtMs: ingestTimeMs };
}
