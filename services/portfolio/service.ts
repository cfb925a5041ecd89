/**
 * The portfolio service: writes portfolios and statements from the committed events, and serves them.
 *
 * 1. `account_states` (group portfolio) → portfolio store, only over an older version
 * 2. `ledger_entries` (group portfolio-statements) → statements
 */

import { TOPIC } from '#domain/data/topics.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import { createConsumerLoop } from '#infrastructure/event-log/consumer-loop.ts';
import { deadLetterRecord } from '#infrastructure/event-log/dead-letters.ts';
import { readLedgerEntry } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { readRecords } from '#infrastructure/event-log/read-records.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import type { StatementStore } from '#infrastructure/relational/stores.ts';
import { AccountStatesReader, type PortfolioConflict } from './account-states-reader.ts';
import type { PortfolioConfig } from './config.ts';
import { portfolioRoutes } from './portfolio-routes.ts';
import { statementLine } from './statement-lines.ts';
import { statementRoutes } from './statement-routes.ts';
import { VersionWaiters } from './version-waiters.ts';

export interface PortfolioPorts {
  readonly log: EventLog;
  readonly portfolios: PortfolioStore;
  readonly statements: StatementStore;
  readonly cache: Cache;
}

const PORTFOLIO_GROUP = 'portfolio';
const STATEMENTS_GROUP = 'portfolio-statements';
const CONFLICTS_SHOWN = 20;

export function createPortfolioService(
  context: ServiceContext,
  ports: PortfolioPorts,
  config: PortfolioConfig,
): Service {
  const { runtime, metrics, crash } = context;
  const logger = context.logger.child({ service: 'portfolio' });
  const { log } = ports;
  const waiters = new VersionWaiters();
  const conflicts: PortfolioConflict[] = [];
  const conflictCount = metrics.counter(
    'tradehall_portfolio_conflicts_total',
    'Account states that came with a version that is stored with another hash.',
  );

  const states = new AccountStatesReader({
    store: ports.portfolios,
    cachedPortfolios: config.cachedPortfolios,
    onWritten: (portfolio) => waiters.notify(portfolio),
    onConflict(conflict) {
      conflictCount.increment();
      logger.error({ ...conflict }, 'an account has one version with two states; run `tradehall verify`');
      if (conflicts.length < CONFLICTS_SHOWN) conflicts.push(conflict);
    },
    async onUnreadable(unreadable) {
      await log.append(
        unreadable.map(({ record, reason }) =>
          deadLetterRecord(record, PORTFOLIO_GROUP, { reason, errors: [] }),
        ),
      );
    },
  });

  const shared = {
    log,
    runtime,
    logger,
    metrics,
    crash,
    maxRecords: config.batchSize,
  };
  const portfolioLoop = createConsumerLoop({
    ...shared,
    group: PORTFOLIO_GROUP,
    lingerMs: config.lingerMs,
    topics: [TOPIC.accountStates],
    losses: ports.portfolios.losses,
    read: (records) => states.read(records),
    store: (changes, stretches) => states.store(changes, stretches),
    onAssigned: (partitions) => states.forget(partitions),
    onRevoked: (partitions) => states.forget(partitions),
  });
  const loops = [
    portfolioLoop,
    createConsumerLoop({
      ...shared,
      group: STATEMENTS_GROUP,
      lingerMs: config.statementLingerMs,
      topics: [TOPIC.ledgerEntries],
      storePositions: () => ports.statements.positions(),
      async read(records) {
        const entries = await readRecords(log, STATEMENTS_GROUP, records, readLedgerEntry);
        return entries.map(({ value }) => statementLine(value));
      },
      store: async (lines, stretches) =>
        (await ports.statements.append(lines, stretches)) ? stretches : null,
    }),
  ];

  async function stopLoops(): Promise<void> {
    await Promise.all(loops.map((loop) => loop.stop()));
    waiters.wakeAll();
  }

  return {
    name: 'portfolio',
    routes: [
      ...portfolioRoutes({
        store: ports.portfolios,
        prices: ports.cache.prices,
        waiters,
        runtime,
        logger,
        waitMs: config.versionWaitMs,
        maxWaiters: config.maxVersionWaiters,
        trouble: () => portfolioLoop.trouble(),
      }),
      ...statementRoutes(ports.statements, logger),
    ],
    socketRoutes: [],
    async start() {
      for (const loop of loops) loop.start();
    },
    readiness() {
      const reasons = loops.map((loop) => loop.trouble()).filter((reason) => reason !== null);
      const [conflict] = conflicts;
      if (conflict !== undefined) {
        reasons.push(
          `account ${conflict.accountId} has version ${conflict.version} with two states: run verify`,
        );
      }
      return reasons.length === 0 ? { ready: true } : { ready: false, reasons };
    },
    async status() {
      return {
        consumers: await Promise.all(loops.map((loop) => loop.status())),
        waitingReads: waiters.count,
        conflicts,
      };
    },
    // What execution still commits while it drains is folded before the stop.
    async drain() {},
    stop: stopLoops,
  };
}
