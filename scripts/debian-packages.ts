/**
 * Debian packages unpacked into a folder of our own: no root needed, the system stays as it is. What the system has
 * installed already is not fetched again.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath, runCommand } from './run-command.ts';

export function isDebian(): boolean {
  return process.platform === 'linux' && existsSync('/etc/debian_version') && onPath('apt-get') !== undefined;
}

/** Fetches packages with all that they need, and unpacks them into `root`. Rejects with what failed. */
export async function unpackDebianPackages(packages: readonly string[], root: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'tradehall-apt-'));
  const downloads = join(work, 'packages');
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(work, path), { recursive: true });
  }
  // apt's own lists and locks stay untouched, so neither root nor the system's state matters.
  const own = [
    '-o',
    `Dir::State=${join(work, 'state')}`,
    '-o',
    'Dir::State::status=/var/lib/dpkg/status',
    '-o',
    `Dir::Cache=${join(work, 'cache')}`,
    '-o',
    'Debug::NoLocking=1',
    '-o',
    'APT::Sandbox::User=',
  ];
  const apt = (...words: readonly string[]): Promise<string> =>
    runCommand('apt-get', [...own, ...words], { cwd: downloads });
  try {
    await apt('update', '-q');
    const plan = await apt('install', '--simulate', '--no-install-recommends', '-q', ...packages);
    const names = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
    await apt('download', '-q', ...names);
    mkdirSync(root, { recursive: true });
    for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
      await runCommand('dpkg-deb', ['-x', join(downloads, file), root]);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** As root on Debian only, since it changes the system. Rejects with what failed. */
export async function installDebianPackages(packages: readonly string[]): Promise<void> {
  const quiet = { env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await runCommand('apt-get', ['update', '-q'], quiet);
  await runCommand('apt-get', ['install', '--yes', '-q', '--no-install-recommends', ...packages], quiet);
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
