/** Records a run, cuts the power in it at many places, and fails with what did not hold, kept so that it can be had again. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../scripts/debian-tool.ts';
import { STRACE, whyNotTracing } from '../../scripts/strace.ts';
import { chooseCuts, cutNamed, momentsOf, nameOf } from './cuts.ts';
import { play, type Recording, record, recordingAt } from './recording.ts';
import { type Failure, runCuts } from './run-cuts.ts';
import { isRebuiltIndex } from './traced-disk.ts';

export interface Proof {
  readonly orders: number;
  readonly cuts: number;
  /** The program is started after every so many cuts. */
  readonly startEvery: number;
  readonly seed: number;
}

const strace = findTool(STRACE);
/** For tests; a skip is a failure where CI=true (scripts/test.ts). */
export const skip =
  strace === null ? 'strace is not there; npm test provides it' : (whyNotTracing(strace) ?? false);

/** Figures of what was tried, for people. */
export async function provePowerCuts({ orders, cuts, startEvery, seed }: Proof): Promise<string> {
  assert.ok(strace !== null);
  const kept = process.env['POWER_CUT_KEPT'];
  const named = process.env['POWER_CUT'];
  const base = kept ?? mkdtempSync(join(tmpdir(), 'tradehall-power-cut-'));
  const root = join(base, 'root');
  if (kept === undefined) mkdirSync(root);
  const recording = kept === undefined ? await record(strace, root, orders) : recordingAt(root);
  const workFolder = mkdtempSync(join(base, 'cuts-'));
  if (kept === undefined) assertNothingUnseen(recording, join(workFolder, 'nothing-lost'));
  const moments = momentsOf(recording);
  const chosen = named === undefined ? chooseCuts(moments, cuts, seed) : [cutNamed(named)];
  const starts = (index: number): boolean => index % startEvery === 0;
  const failures = await runCuts({ recording, moments, cuts: chosen, starts, workFolder });
  if (failures.length > 0) assert.fail(describe(failures, base));
  if (kept === undefined) rmSync(base, { recursive: true, force: true });
  const started = chosen.filter((_cut, index) => starts(index)).length;
  return `${recording.accepted.size} orders accepted, ${chosen.length} cuts, ${started} of them started on`;
}

/** The disk on which nothing is lost is the folder that the program left, byte for byte. */
function assertNothingUnseen(recording: Recording, folder: string): void {
  let write = (): void => {};
  for (const { disk } of play(recording)) {
    const loss = { contents: 'all', names: 'all', random: () => 0 } as const;
    write = () => disk.root.writeAfterCut(folder, loss, isRebuiltIndex);
  }
  mkdirSync(folder);
  write();
  assert.deepEqual(filesIn(folder), filesIn(recording.root));
  for (const name of filesIn(folder)) {
    const isSame = readFileSync(join(folder, name)).equals(readFileSync(join(recording.root, name)));
    assert.ok(isSame, `strace did not see all that was written to ${name}`);
  }
  rmSync(folder, { recursive: true });
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !isRebuiltIndex(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .sort();
}

function describe(failures: readonly Failure[], base: string): string {
  const [first] = failures;
  return [
    `${failures.length} power cuts left what may not be. Kept in ${base}; the first one again:`,
    `POWER_CUT_KEPT=${base} POWER_CUT=${first === undefined ? '' : nameOf(first.cut)} node --test tests/e2e/power-cut.test.ts`,
    ...failures.map(
      ({ cut, what, error }) =>
        `${nameOf(cut)} (${cut.moment}, after ${what}): ${error instanceof Error ? error.message : String(error)}`,
    ),
  ].join('\n');
}
