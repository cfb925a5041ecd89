/** What a restart with much history takes: 100,000 accounts, a million trades. */
import { seedLog } from '#composition/seed-log.ts';
import { type BenchProgram, benchFolder, startBenchProgram } from './bench-program.ts';
import type { Bench } from './bench-result.ts';

const SEED = { accounts: 100_000, ordersPerAccount: 10 };
const POLL_MS = 1_000;
const TELL_EVERY_POLLS = 15;
const SETTLE_MS = 5_000;

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Until every consumer has read everything. */
async function caughtUp(program: BenchProgram, tell: (line: string) => void): Promise<number> {
  const startedAt = performance.now();
  for (let polls = 0; ; polls += 1) {
    const { log } = (await program.operator.call('GET', '/operator/status')) as {
      readonly log: {
        readonly groups: readonly {
          readonly group: string;
          readonly positions: readonly { readonly lag: number }[];
        }[];
      };
    };
    const lags = log.groups.map(({ group, positions }) => ({
      group,
      lag: positions.reduce((sum, position) => sum + position.lag, 0),
    }));
    if (lags.every(({ lag }) => lag === 0)) return (performance.now() - startedAt) / 1_000;
    if (polls % TELL_EVERY_POLLS === 0) tell(lags.map(({ group, lag }) => `${group} ${lag}`).join(', '));
    await pause(POLL_MS);
  }
}

const memory: Bench = {
  name: 'memory',
  sentence: `Resident memory and time to ready after a restart with ${SEED.accounts} accounts and ${SEED.accounts * SEED.ordersPerAccount} trades.`,
  runs: 1,
  onServers: { none: 'its history is seeded into the log of a data folder.' },
  run: async (place, tell) => {
    const folder = benchFolder();
    try {
      await seedLog(folder.path, SEED, tell);
      const first = await startBenchProgram(folder.path, ['--feed', 'none'], place);
      const catchUpSeconds = await caughtUp(first, tell);
      await first.stop();
      const again = await startBenchProgram(folder.path, ['--feed', 'simulated'], place);
      await pause(SETTLE_MS);
      const residentMib = again.residentMib();
      await again.stop();
      return { catch_up_s: catchUpSeconds, ready_ms: again.readyMs, resident_mib: residentMib };
    } finally {
      folder.remove();
    }
  },
};

export const MEMORY_BENCHES: readonly Bench[] = [memory];
