/** Cuts the power in a recording at many places, and looks at what each leaves. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { seeded } from '#tests/e2e/workload.ts';
import { assertLogHolds, assertStarts } from './after-the-cut.ts';
import { type Cut, type Moments, nameOf } from './cuts.ts';
import { DATA_FOLDER, play, type Recording } from './recording.ts';
import { isRebuiltIndex, type TracedDisk } from './traced-disk.ts';

export interface CutPlan {
  readonly recording: Recording;
  readonly moments: Moments;
  /** In the order of the recording. */
  readonly cuts: readonly Cut[];
  /** Whether the program is started on what this cut left, besides looking at its log. */
  readonly starts: (index: number) => boolean;
  /** An empty folder, for what the cuts leave. */
  readonly workFolder: string;
}

export interface Failure {
  readonly cut: Cut;
  /** What happened last before the cut. */
  readonly what: string;
  readonly error: unknown;
  /** What the cut left, as it was before anybody looked at it. */
  readonly folder: string;
}

/** Every cut is tried; what failed is given back, with its folder. */
export async function runCuts(plan: CutPlan): Promise<readonly Failure[]> {
  const { recording, moments, cuts, workFolder } = plan;
  const failures: Failure[] = [];
  let next = 0;
  let count = 0;
  for (const { disk, what } of play(recording)) {
    count += 1;
    for (let cut = cuts[next]; cut?.after === count; cut = cuts[next]) {
      const { after } = cut;
      const told = new Map(
        [...recording.accepted].filter(([orderId]) => (moments.toldAfter.get(orderId) ?? 0) <= after),
      );
      const folder = join(workFolder, nameOf(cut).replaceAll(':', '-'));
      try {
        await lookAt(disk, cut, `${folder}.log`, (dataFolder) =>
          assertLogHolds(dataFolder, new Set(told.keys())),
        );
        if (plan.starts(next)) {
          await lookAt(disk, cut, `${folder}.start`, (dataFolder) => assertStarts(dataFolder, told));
        }
      } catch (error) {
        leave(disk, cut, folder);
        failures.push({ cut, what: what.slice(0, 100), error, folder });
      }
      next += 1;
    }
  }
  assert.equal(next, cuts.length, 'the recording has the place of every cut');
  return failures;
}

function leave(disk: TracedDisk, cut: Cut, folder: string): void {
  mkdirSync(folder);
  const loss = { contents: cut.contents, names: cut.names, random: seeded(cut.seed) };
  disk.root.writeAfterCut(folder, loss, isRebuiltIndex);
}

async function lookAt(
  disk: TracedDisk,
  cut: Cut,
  folder: string,
  look: (dataFolder: string) => Promise<void>,
): Promise<void> {
  leave(disk, cut, folder);
  try {
    await look(join(folder, DATA_FOLDER));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
