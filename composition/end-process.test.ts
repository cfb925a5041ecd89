/** A process that has to end does, whatever its native clients wait for. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const MODULE = import.meta.resolve('./end-process.ts');

async function ending(before: string): Promise<readonly [number | null, string | null]> {
  const program = `import { endProcess } from ${JSON.stringify(MODULE)}; ${before} endProcess(70);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' });
  const [code, signal] = await once(child, 'exit');
  return [code, signal];
}

test('a process ends with its code', async () => {
  assert.deepEqual(await ending(''), [70, null]);
});

test('one whose exit waits for a thread that hangs is killed', async () => {
  // As a client of Kafka holds up an exit: from within it, for ever.
  const hang = "process.on('exit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));";
  assert.deepEqual(await ending(hang), [null, 'SIGKILL']);
});
