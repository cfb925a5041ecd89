/**
 * A store in the data folder that is found damaged when it is opened, as a power cut may leave DuckDB's file, is not needed:
 * the log holds all of it. It is set aside, where somebody can look at it, and filled again.
 *
 * Not the relational database: API keys are nowhere else.
 */
import { renameSync, rmSync } from 'node:fs';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ProjectionStore } from './rewind-projections.ts';

/** Those that hold nothing but what follows from the log. */
const REBUILT: readonly ProjectionStore[] = ['portfolios', 'history', 'analytics'];
/** What the store keeps beside its file; without the file it means nothing. */
const BESIDE = ['-wal', '-shm', '-journal', '.wal', '.tmp'];

export function canBeRebuilt(store: string, error: unknown): store is ProjectionStore {
  const isDamaged = error instanceof OperatingError && error.code === 'STORE_DAMAGED';
  return isDamaged && REBUILT.some((known) => known === store);
}

/** Answers where it is now; one that was set aside before is replaced. */
export function setAside(file: string): string {
  const aside = `${file}.damaged`;
  renameSync(file, aside);
  for (const ending of BESIDE) rmSync(`${file}${ending}`, { recursive: true, force: true });
  return aside;
}
