/**
 * The lock file names every platform's packages.
 *
 * npm leaves out of the lock what the registry at hand does not serve, and then `npm ci` in a clean clone refuses: an
 * optional dependency of another platform must stand in the lock even where it is never fetched. Nobody who already has
 * node_modules would notice.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

interface LockedPackage {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const ROOT = join(import.meta.dirname, '..', '..');

const lock: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
  readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
);

/** Where npm would look for a dependency of the package at this path: beside it, then in every folder above. */
function isLocked(path: string, dependency: string): boolean {
  const parts = path === '' ? [] : path.split('/node_modules/');
  const folders = parts.map((_, depth) => parts.slice(0, depth + 1).join('/node_modules/'));
  return ['', ...folders].some(
    (folder) => lock.packages[`${folder === '' ? '' : `${folder}/`}node_modules/${dependency}`] !== undefined,
  );
}

test('`npm ci` works in a clean clone: each optional dependency of every platform is locked', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([dependency]) => !isLocked(path, dependency))
      .map(
        ([dependency, version]) =>
          `${dependency}@${version}, needed by ${path === '' ? 'this package' : path}`,
      ),
  );
  assert.deepEqual(
    missing,
    [],
    'add an entry with version, cpu, os and libc to package-lock.json: see CONTRIBUTING.md',
  );
});
