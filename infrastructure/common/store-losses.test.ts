/** What a store on a server has lost is told, to a later start too, and what it never had or may drop is not. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { type StorePart, WatchedLosses } from './store-losses.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;
const { address, logger } = serverOptions('store://host:1/place');
const system = createSystemRuntime();

let folder: string;
let noteFile: string;
/** What the server answers. */
let parts: readonly StorePart[] | OperatingError;
let losses: WatchedLosses;
let told: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-losses-'));
  noteFile = join(folder, 'parts.json');
});
afterEach(() => {
  losses.stop();
  rmSync(folder, { recursive: true });
});

function part(name: string, id = 'first', keptUntilMs: number | null = null): StorePart {
  return { name, id, keptUntilMs };
}

/** Its looks are those that a test asks for. */
function start(path = address.path): void {
  told = 0;
  losses = new WatchedLosses({
    store: 'The store',
    address: { ...address, path },
    noteFile,
    runtime: {
      clock: { ...system.clock, nowMs: () => NOW_MS },
      timers: { ...system.timers, every: () => () => {} },
    },
    logger,
    async parts() {
      if (parts instanceof OperatingError) throw parts;
      return parts;
    },
  });
  losses.watch(() => {
    told += 1;
  });
}

async function startWith(...there: readonly StorePart[]): Promise<void> {
  parts = there;
  start();
  await losses.look();
}

function failing(code: string, retry: 'retry' | 'never'): OperatingError {
  return new OperatingError(code, `says ${code}`, { retry });
}

test('a part that is gone, or another of its name, is lost until all is written again', async () => {
  await startWith(part('a'), part('b'));
  assert.equal(losses.lost(), null);
  parts = [part('b', 'second')];
  await losses.look();
  assert.match(losses.lost() ?? '', /^The store has lost what was in a, b \(deleted or made again/);
  parts = [part('a', 'second'), part('b', 'second')];
  await losses.look();
  assert.notEqual(losses.lost(), null, 'that there is one again does not fill it');
  losses.accept();
  await losses.look();
  assert.equal(losses.lost(), null);
});

test('new parts are no loss, and are missed from then on', async () => {
  await startWith(part('a'));
  parts = [part('a'), part('b')];
  await losses.look();
  assert.equal(losses.lost(), null);
  parts = [part('a')];
  await losses.look();
  assert.match(losses.lost() ?? '', /in b /);
});

test('a later start misses what an earlier one knew, also when that had not been filled again', async () => {
  await startWith(part('a'), part('b'));
  losses.stop();
  await startWith(part('b'));
  assert.match(losses.lost() ?? '', /in a /);
  losses.stop();
  await startWith(part('b'));
  assert.match(losses.lost() ?? '', /in a /, 'it ended before all was written');
});

test('a disk that takes no note ends nothing, and has it once it does, also when nothing has changed since', async () => {
  await startWith(part('a'));
  // In the way of the file that becomes the note.
  mkdirSync(`${noteFile}.tmp`);
  parts = [part('a'), part('b')];
  await losses.look();
  rmdirSync(`${noteFile}.tmp`);
  await losses.look();
  losses.stop();
  await startWith(part('a'));
  assert.match(losses.lost() ?? '', /in b /);
});

test('of another place the note says nothing', async () => {
  await startWith(part('a'));
  losses.stop();
  parts = [];
  start('elsewhere');
  await losses.look();
  assert.equal(losses.lost(), null);
});

test('a note that cannot be read counts as a loss, and whoever watches is told at once', async () => {
  for (const text of ['', '{}', '{"place":"x","parts":{"a":{}}}', '[1]']) {
    const place = `host:1/${address.path}`;
    writeFileSync(noteFile, text.replace('"x"', JSON.stringify(place)));
    parts = [];
    start();
    assert.match(losses.lost() ?? '', /cannot be read: it is filled again/, text);
    assert.equal(told, 1);
    losses.stop();
  }
});

test('what the retention may have dropped is not missed, a day early', async () => {
  await startWith(part('old', 'first', NOW_MS + DAY_MS), part('new', 'first', NOW_MS + DAY_MS + 1));
  parts = [];
  await losses.look();
  assert.match(losses.lost() ?? '', /in new \(/);
});

test('a part that does not fit is told until it does, and then what was written meanwhile is lost', async () => {
  await startWith(part('a'));
  parts = failing('STORE_VERSION', 'never');
  await losses.look();
  assert.equal(losses.trouble(), 'says STORE_VERSION');
  assert.equal(losses.lost(), null, 'there is nothing to be filled yet');
  parts = [part('a')];
  await losses.look();
  assert.match(losses.trouble() ?? '', /may lack what was written while it was not as it should be/);
});

test('a server that is away, or refuses a password, has lost nothing', async () => {
  await startWith(part('a'));
  parts = failing('STORE_UNAVAILABLE', 'retry');
  await losses.look();
  assert.equal(losses.trouble(), null, 'the calls to it tell');
  parts = failing('STORE_REFUSED', 'never');
  await losses.look();
  assert.equal(losses.trouble(), 'says STORE_REFUSED');
  parts = [part('a')];
  await losses.look();
  assert.equal(losses.trouble(), null);
});
