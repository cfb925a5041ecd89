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
import { DATA_PATHS } from '../data-paths.ts';
import { openArchiveOfKafka } from '../kafka-log.ts';
import type { ProcessConfig } from '../options.ts';
import { checkBooks } from './books.ts';
import { type Finding, placeOf } from './finding.ts';
import { withProjectionStores } from './projection-stores.ts';
import { ProjectionCheck } from './projections.ts';
import { checkReplay } from './replay-check.ts';

export interface Verdict {
  readonly sound: boolean;
  /** Where the log is: a path, or a server in words. */
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

export interface VerifiedPlaces {
  /** The server that the log is on, with the heads in the data folder; `null` for a log in the data folder or a file. */
  readonly log: ServerAddress | null;
  /** Where the projections are that are compared too; `null` for none. */
  readonly stores: ProcessConfig | null;
}

/** `tell` gets lines of progress. Throws an `OperatingError` when there is nothing that can be verified. */
export async function verifyDataFolder(
  source: string,
  { log, stores }: VerifiedPlaces,
  tell: (line: string) => void,
): Promise<Verdict> {
  if (stores !== null && existsSync(source) && !statSync(source).isDirectory()) {
    throw new OperatingError(
      'NO_PROJECTIONS',
      '--deep compares the stores of a data folder; an exported log has none.',
      {
        retry: 'never',
      },
    );
  }
  const archive = await openArchive(source, log);
  try {
    const verdict = await verifyArchive(archive, source, stores, tell);
    return { ...verdict, source: log === null ? source : archive.source };
  } finally {
    archive.close();
  }
}

async function verifyArchive(
  archive: LogArchive,
  dataFolder: string,
  deep: ProcessConfig | null,
  tell: (line: string) => void,
): Promise<Omit<Verdict, 'source'>> {
  tell('checking the seals');
  const log = verifyLog(archive);
  const findings: Finding[] = log.problems.map((problem) => ({
    check: 'seals',
    record: placeOf(problem),
    message: problem.message,
  }));
  const seen = { records: log.records, seals: log.seals };
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
  const books = checkBooks(archive, deep === null ? [] : [projections], (records) =>
    tell(`${records} outputs read`),
  );
  findings.push(...books.findings);
  tell('replaying the inputs through the core');
  const replay = await checkReplay(archive, tell);
  findings.push(...replay.findings);
  const checked = ['seals', 'sequences', 'books', 'replay'];
  if (deep !== null) {
    tell('comparing the projections');
    checked.push('projections');
    findings.push(
      ...(await withProjectionStores(dataFolder, deep, tell, (stores) =>
        projections.compare(archive, stores, books.balances),
      )),
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
