/** All of Tradehall in one process: what `npm start` runs. */
import assert from 'node:assert/strict';
import { BARS } from './bars.ts';
import { feedHasEnded } from './operator.ts';
import { startIn } from './program.ts';
import type { Hall } from './trading-day.ts';

/** `variables` name stores on servers; without any they are in the data folder. `showHistory`: see `RunningHall`. */
export function oneProcess(
  dataFolder: string,
  variables: Readonly<Record<string, string>> = {},
  showHistory: () => Promise<void> = async () => {},
): Hall {
  return {
    variables,
    dataFolder,
    async start(replaySpeed) {
      const program = await startIn({ variables }, [
        ...['--data', dataFolder],
        ...['--port', '0'],
        ...['--feed', `replay:${BARS}`],
        ...['--replay-speed', replaySpeed],
        ...['--log-level', 'warn'],
      ]);
      return {
        urls: [program.url],
        operatorFolder: dataFolder,
        feedHasEnded: () => feedHasEnded(dataFolder),
        showHistory,
        async kill() {
          await program.end('SIGKILL');
        },
        async stop() {
          const { code, stderr } = await program.end('SIGTERM');
          assert.equal(code, 0, stderr);
        },
      };
    },
  };
}
