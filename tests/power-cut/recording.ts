/** The program's lives on a fresh folder, with every system call that changes the folder or tells a client something. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_PATHS } from '#composition/data-paths.ts';
import { connect } from '#tests/e2e/api.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { openAccounts } from '#tests/e2e/operator.ts';
import { type RunningProgram, startIn } from '#tests/e2e/program.ts';
import { type Account, carryOutAll, type Diary, type Intent, planDay } from '#tests/e2e/workload.ts';
import { systemCalls } from './system-calls.ts';
import { TRACED_CALLS, TracedDisk } from './traced-disk.ts';

const AT_ONCE = 8;
const ACCOUNTS = 6;
const LIVES = 2;
const PLAN_SEED = 7;
/** Larger than what one call writes: a text that strace cuts off is refused. */
const TEXT_BYTES = 64 * 1024 * 1024;

export interface Recording {
  /** What holds the data folder, and the traces beside it. */
  readonly root: string;
  readonly lives: number;
  /** Of the orders that the clients saw accepted. */
  readonly accepted: ReadonlyMap<string, Account>;
}

export const DATA_FOLDER = 'data';

function tracePath(root: string, life: number): string {
  return `${root}.trace-${life}`;
}

/** Starts the program behind strace; signals go to the program itself. */
function startTraced(strace: string, root: string, life: number): Promise<RunningProgram> {
  const via = [
    ...[strace, '-D', '-f', '-qq', '--seccomp-bpf', '-e', 'signal=none', '-s', String(TEXT_BYTES)],
    ...['-e', `trace=${TRACED_CALLS.map((name) => `?${name}`).join(',')}`, '-o', tracePath(root, life)],
  ];
  // io_uring would write without a system call to see.
  return startIn({ via, variables: { UV_USE_IO_URING: '0' } }, [
    ...['--data', join(root, DATA_FOLDER), '--port', '0', '--log-level', 'warn'],
  ]);
}

/**
 * Orders in two lives, each told to end. Neither is killed: what a call that was under way then did to the disk, strace
 * cannot tell, and the power is cut in the middle of everything anyway.
 */
export async function record(strace: string, root: string, orders: number): Promise<Recording> {
  const diary: Diary = { accepted: new Map(), statuses: new Map(), sent: 0 };
  let plan: readonly Intent[] = [];
  for (let life = 0; life < LIVES; life += 1) {
    const program = await startTraced(strace, root, life);
    const api = connect(program.url);
    try {
      if (life === 0)
        plan = planDay(await openAccounts(join(root, DATA_FOLDER), ACCOUNTS), orders, PLAN_SEED);
      const carryOutHalf = async (half: number): Promise<void> => {
        let left: readonly Intent[] = plan.slice(
          (half * orders) / (2 * LIVES),
          ((half + 1) * orders) / (2 * LIVES),
        );
        await eventually('every order is answered', async () => {
          left = await carryOutAll(api, left, diary, AT_ONCE);
          return left.length === 0 ? true : null;
        });
      };
      await carryOutHalf(2 * life);
      await pagesAreCopiedBack(root);
      await carryOutHalf(2 * life + 1);
    } finally {
      await api.close();
      const { code, stderr } = await program.end('SIGTERM');
      assert.equal(code, 0, stderr);
    }
  }
  assert.ok(diary.accepted.size > 0);
  const accepted = [...diary.accepted].map(([orderId, { account }]) => [orderId, account] as const);
  writeFileSync(notePath(root), JSON.stringify(accepted));
  return { root, lives: LIVES, accepted: new Map(accepted) };
}

/** Into the database: from then on the write-ahead log is written over, and what was in it is nowhere else. */
async function pagesAreCopiedBack(root: string): Promise<void> {
  const file = join(root, DATA_FOLDER, DATA_PATHS.log, 'event-log.sqlite');
  const before = statSync(file).mtimeMs;
  await eventually('pages of the log are copied back', async () =>
    statSync(file).mtimeMs > before ? true : null,
  );
}

/** One that `record` made in an earlier run. */
export function recordingAt(root: string): Recording {
  const accepted = JSON.parse(readFileSync(notePath(root), 'utf8')) as (readonly [string, Account])[];
  return { root, lives: LIVES, accepted: new Map(accepted) };
}

function notePath(root: string): string {
  return `${root}.accepted.json`;
}

/**
 * Plays the recording on a disk and stops after everything that changed it, or told somebody something, with words
 * for what that was. The disk is as it is at that moment, and only valid then.
 */
export function* play(
  recording: Pick<Recording, 'root' | 'lives'>,
): Generator<{ disk: TracedDisk; what: string }> {
  const disk = new TracedDisk(recording.root);
  for (let life = 0; life < recording.lives; life += 1) {
    const path = tracePath(recording.root, life);
    assert.ok(existsSync(path), `${path} is not there`);
    disk.beginLife();
    for (const call of systemCalls(readFileSync(path, 'latin1'))) {
      const what = disk.play(call);
      if (what !== null) yield { disk, what };
    }
  }
}
