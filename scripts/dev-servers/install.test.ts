import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { installOnce } from './install.ts';

const root = mkdtempSync(join(tmpdir(), 'install-'));
after(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  process.env['XDG_CACHE_HOME'] = mkdtempSync(join(root, 'cache-'));
});

const quiet = (): void => {};

test('a part is built once, however many want it at the same time, and not again later', async () => {
  let builds = 0;
  const build = async (folder: string): Promise<void> => {
    builds += 1;
    const inPlace = await new Promise<boolean>((resolve) =>
      setImmediate(() => resolve(existsSync(folder.replace(/\.tmp$/, '')))),
    );
    assert.equal(inPlace, false, 'nobody sees it before it is whole');
    writeFileSync(join(folder, 'part'), 'whole');
  };
  const places = await Promise.all([1, 2, 3].map(() => installOnce('thing-1.0', build, quiet)));
  places.push(await installOnce('thing-1.0', build, quiet));
  assert.equal(builds, 1);
  assert.equal(new Set(places).size, 1);
  assert.equal(readFileSync(join(places[0] ?? '', 'part'), 'utf8'), 'whole');
});

test('a build that fails leaves nothing, and the next try begins anew', async () => {
  const failing = async (folder: string): Promise<void> => {
    writeFileSync(join(folder, 'half'), '');
    throw new Error('the registry is away');
  };
  await assert.rejects(installOnce('thing-1.0', failing, quiet), /the registry is away/);
  const place = await installOnce(
    'thing-1.0',
    async (folder) => writeFileSync(join(folder, 'part'), ''),
    quiet,
  );
  assert.deepEqual(readdirSync(place), ['part']);
});
