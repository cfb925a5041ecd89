/**
 * `tradehall verify`: proves a stopped data folder or an exported log, or names the first bad record.
 *
 *   seals ─▶ books and sequences ─▶ replay through the core ─▶ (deep) every projection
 *
 * The first step decides whether the rest means anything: on a log whose seals do not hold nothing else is tried.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { openLogArchiveFromDirectory } from '#infrastructure/event-log/sqlite/directory-archive.ts';
import { openLogArchiveFromExport } from '#infrastructure/event-log/sqlite/import-log.ts';
import { verifyLog } from '#infrastructure/event-log/verify-log.ts';
import { openSqlitePortfolios } from '#infrastructure/portfolios/sqlite/sqlite-portfolios.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import { openDuckDbTradeAnalytics } from '#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.ts';
import { openSqliteTradeHistory } from '#infrastructure/trade-history/sqlite/sqlite-trade-history.ts';
import { DATA_PATHS } from '../data-paths.ts';
import { openArchiveOfKafka } from '../kafka-log.ts';
import { checkBooks } from './books.ts';
import { type Finding, placeOf } from './finding.ts';
import { ProjectionCheck, type ProjectionStores } from './projections.ts';
import { checkReplay } from './replay-check.ts';

export interface Verdict {
  readonly sound: boolean;
  readonly source: string;
  /** What was looked at, in words, in order. */
  readonly checked: readonly string[];
  readonly findings: readonly Finding[];
  readonly records: number;
  readonly seals: number;
  readonly accounts: number;
  readonly inputsReplayed: number;
  /** Per partition, after the last input. */
  readonly stateHashes: readonly string[];
}

const ANALYTICS_MEMORY_MB = 256;

async function openArchive(source: string, server: ServerAddress | null): Promise<LogArchive> {
  if (server !== null) return await openArchiveOfKafka(server, source);
  if (!existsSync(source)) {
    throw new OperatingError(
      'NOTHING_TO_VERIFY',
      `${source} does not exist: name a data folder or an exported log.`,
      {
        retry: 'never',
      },
    );
  }
  return statSync(source).isDirectory()
    ? openLogArchiveFromDirectory(join(source, DATA_PATHS.log))
    : openLogArchiveFromExport(source);
}

/** With `server`, the log there and the heads and projections of the data folder. `tell` gets lines of progress. Throws an `OperatingError` when there is nothing that can be verified. */
export async function verifyDataFolder(
  source: string,
  server: ServerAddress | null,
  deep: boolean,
  tell: (line: string) => void,
): Promise<Verdict> {
  if (deep && existsSync(source) && !statSync(source).isDirectory()) {
    throw new OperatingError(
      'NO_PROJECTIONS',
      '--deep compares the stores of a data folder; an exported log has none.',
      {
        retry: 'never',
      },
    );
  }
  const archive = await openArchive(source, server);
  try {
    return await verifyArchive(archive, source, deep, tell);
  } finally {
    archive.close();
  }
}

async function verifyArchive(
  archive: LogArchive,
  source: string,
  deep: boolean,
  tell: (line: string) => void,
): Promise<Verdict> {
  tell('checking the seals');
  const log = verifyLog(archive);
  const findings: Finding[] = log.problems.map((problem) => ({
    check: 'seals',
    record: placeOf(problem),
    message: problem.message,
  }));
  const seen = { source, records: log.records, seals: log.seals };
  if (!log.sound) {
    return {
      ...seen,
      sound: false,
      checked: ['seals'],
      findings,
      accounts: 0,
      inputsReplayed: 0,
      stateHashes: [],
    };
  }
  tell(`${log.records} records hold; checking the books and the sequences`);
  const projections = new ProjectionCheck();
  const books = checkBooks(archive, deep ? [projections] : [], (records) => tell(`${records} outputs read`));
  findings.push(...books.findings);
  tell('replaying the inputs through the core');
  const replay = await checkReplay(archive, tell);
  findings.push(...replay.findings);
  const checked = ['seals', 'sequences', 'books', 'replay'];
  if (deep) {
    tell('comparing the projections');
    checked.push('projections');
    findings.push(
      ...(await withStores(source, (stores) => projections.compare(archive, stores, books.balances))),
    );
  }
  return {
    ...seen,
    sound: findings.length === 0,
    checked,
    findings,
    accounts: books.accounts,
    inputsReplayed: replay.inputs,
    stateHashes: replay.stateHashes,
  };
}

async function withStores<Result>(
  dataFolder: string,
  work: (stores: ProjectionStores) => Promise<Result>,
): Promise<Result> {
  const path = (name: keyof typeof DATA_PATHS): string => {
    const file = join(dataFolder, DATA_PATHS[name]);
    if (existsSync(file)) return file;
    throw new OperatingError(
      'STORE_MISSING',
      `${file} is missing: start the instance once, it rebuilds the store from the log.`,
      { retry: 'never' },
    );
  };
  const paths = {
    portfolios: path('portfolios'),
    history: path('history'),
    analytics: path('analytics'),
    relational: path('relational'),
  };
  const open: { close(): Promise<void> }[] = [];
  const keep = <Store extends { close(): Promise<void> }>(store: Store): Store => {
    open.push(store);
    return store;
  };
  try {
    return await work({
      portfolios: keep(await openSqlitePortfolios({ path: paths.portfolios })),
      history: keep(await openSqliteTradeHistory({ path: paths.history })),
      analytics: keep(
        await openDuckDbTradeAnalytics({
          path: paths.analytics,
          memoryLimitMb: ANALYTICS_MEMORY_MB,
          threads: 1,
        }),
      ),
      relational: keep(await openSqliteRelational({ path: paths.relational })),
    });
  } finally {
    for (const store of open) await store.close();
  }
}
