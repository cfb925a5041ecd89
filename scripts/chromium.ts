/**
 * Finds or provides Chromium for the page tests.
 *
 * In order: `CHROMIUM_PATH`; one on the path; one that an earlier run unpacked in the user's cache folder;
 * on Debian and its kin, packages fetched by apt-get (own lists, no root needed) and unpacked there; as root,
 * apt-get install. Each candidate must show that it starts before it is taken.
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export type ProvidedChromium =
  | { readonly kind: 'ready'; readonly executable: string }
  | { readonly kind: 'missing'; readonly reason: string; readonly command: string };

const INSTALL = 'apt-get update && apt-get install --no-install-recommends chromium fonts-liberation';
const PACKAGES = ['chromium', 'fonts-liberation'];

function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'tradehall', 'chromium');
}

function unpackedWrapper(): string {
  return join(cacheFolder(), 'run-chromium');
}

/** What is there already; `null` when nothing that starts is found. Installs nothing. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM_PATH'];
  const candidates = [
    ...(named === undefined || named === '' ? [] : [named]),
    ...onPath(),
    unpackedWrapper(),
  ];
  return candidates.find((path) => isExecutable(path) && starts(path)) ?? null;
}

export async function provideChromium(say: (sentence: string) => void): Promise<ProvidedChromium> {
  const found = findChromium();
  if (found !== null) return { kind: 'ready', executable: found };
  if (
    process.platform !== 'linux' ||
    !existsSync('/etc/debian_version') ||
    onPathNamed('apt-get') === undefined
  ) {
    return {
      kind: 'missing',
      reason: 'this is no Debian, so it cannot be fetched by itself',
      command: 'install Chromium and set CHROMIUM_PATH to its path',
    };
  }
  say(`fetching Chromium's Debian packages into ${cacheFolder()}; the system is not changed`);
  const unpacking = unpack();
  if (unpacking === null && starts(unpackedWrapper()))
    return { kind: 'ready', executable: unpackedWrapper() };
  const reason = unpacking ?? 'the unpacked Chromium does not start';
  if (process.getuid?.() !== 0) return { kind: 'missing', reason, command: `sudo sh -c '${INSTALL}'` };
  say(`that did not do (${reason}); as root, installing it into the system: ${INSTALL}`);
  const installing = spawnSync('sh', ['-c', INSTALL.replace('install ', 'install --yes ')], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const installed = findChromium();
  if (installed !== null) return { kind: 'ready', executable: installed };
  return { kind: 'missing', reason: lastLine(installing.stderr) || 'it does not start', command: INSTALL };
}

/** `null` when it worked, else why not. */
function unpack(): string | null {
  const folder = cacheFolder();
  const packages = join(folder, 'packages');
  const root = join(folder, 'root');
  const fresh = join(folder, `root.${process.pid}`);
  for (const path of ['apt/state/lists/partial', 'apt/cache/archives/partial']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  mkdirSync(packages, { recursive: true });
  mkdirSync(fresh, { recursive: true });
  // apt's own lists and locks stay untouched, so neither root nor the system's state matters.
  const own = [
    '-o',
    `Dir::State=${join(folder, 'apt/state')}`,
    '-o',
    'Dir::State::status=/var/lib/dpkg/status',
    '-o',
    `Dir::Cache=${join(folder, 'apt/cache')}`,
    '-o',
    'Debug::NoLocking=1',
    '-o',
    'APT::Sandbox::User=',
  ];
  const apt = (...words: readonly string[]) =>
    spawnSync('apt-get', [...own, ...words], { encoding: 'utf8', cwd: packages, maxBuffer: 64 << 20 });
  try {
    const update = apt('update', '-q');
    if (update.status !== 0) return `apt-get update: ${lastLine(update.stderr)}`;
    const plan = apt('install', '--simulate', '--no-install-recommends', '-q', ...PACKAGES);
    if (plan.status !== 0) return `apt-get install --simulate: ${lastLine(plan.stderr)}`;
    const names = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
    const download = apt('download', '-q', ...names);
    if (download.status !== 0) return `apt-get download: ${lastLine(download.stderr)}`;
    for (const file of readdirSync(packages).filter((name) => name.endsWith('.deb'))) {
      const extracted = spawnSync('dpkg-deb', ['-x', join(packages, file), fresh], { encoding: 'utf8' });
      if (extracted.status !== 0) return `dpkg-deb -x ${file}: ${lastLine(extracted.stderr)}`;
    }
    writeFileSync(join(fresh, 'fonts.conf'), fontConfiguration(root));
    rmSync(root, { recursive: true, force: true });
    renameSync(fresh, root);
    writeFileSync(unpackedWrapper(), wrapper(root));
    chmodSync(unpackedWrapper(), 0o755);
    return null;
  } finally {
    for (const path of [packages, fresh, join(folder, 'apt')]) rmSync(path, { recursive: true, force: true });
  }
}

function fontConfiguration(root: string): string {
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${root}/font-cache</cachedir></fontconfig>
`;
}

function wrapper(root: string): string {
  return `#!/bin/sh
# Starts the Chromium that the tests unpacked beside this file, with its own libraries and fonts.
root='${root}'
libraries=$(find "$root/usr/lib" "$root/lib" -maxdepth 1 -type d -name '*-linux-gnu*' 2>/dev/null | tr '\\n' ':')
export LD_LIBRARY_PATH="$libraries$root/usr/lib/chromium"
export FONTCONFIG_FILE="$root/fonts.conf"
exec "$root/usr/lib/chromium/chromium" "$@"
`;
}

/** It must render a page, not only print its version: a missing library often shows only then. */
function starts(executable: string): boolean {
  const attempt = spawnSync(
    executable,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--dump-dom',
      'data:text/html,<p>works</p>',
    ],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return attempt.status === 0 && attempt.stdout.includes('works');
}

function onPathNamed(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function onPath(): readonly string[] {
  return ['chromium', 'chromium-browser', 'google-chrome']
    .map(onPathNamed)
    .filter((path) => path !== undefined);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
