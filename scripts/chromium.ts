/**
 * Finds or provides Chromium for the page tests.
 *
 * In order: `CHROMIUM_PATH`; one on the path; one that an earlier run unpacked in the user's cache folder;
 * on Debian and its kin, packages fetched by apt-get (own lists, no root needed) and unpacked there; as root,
 * apt-get install. Each candidate must show that it starts before it is taken.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { installDebianPackages, isDebian, isRoot, unpackDebianPackages } from './debian-packages.ts';
import { isExecutable, onPath } from './run-command.ts';

export type ProvidedChromium =
  | { readonly kind: 'ready'; readonly executable: string }
  | { readonly kind: 'missing'; readonly reason: string; readonly command: string };

const INSTALL = 'apt-get update && apt-get install --no-install-recommends chromium fonts-liberation';
const PACKAGES = ['chromium', 'fonts-liberation'];

const FOLDER = cacheFolder('chromium');

function unpackedWrapper(): string {
  return join(FOLDER, 'run-chromium');
}

/** What is there already; `null` when nothing that starts is found. Installs nothing. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM_PATH'];
  const candidates = [
    ...(named === undefined || named === '' ? [] : [named]),
    ...installed(),
    unpackedWrapper(),
  ];
  return candidates.find((path) => isExecutable(path) && starts(path)) ?? null;
}

export async function provideChromium(say: (sentence: string) => void): Promise<ProvidedChromium> {
  const found = findChromium();
  if (found !== null) return { kind: 'ready', executable: found };
  if (!isDebian()) {
    return {
      kind: 'missing',
      reason: 'this is no Debian, so it cannot be fetched by itself',
      command: 'install Chromium and set CHROMIUM_PATH to its path',
    };
  }
  say(`fetching Chromium's Debian packages into ${FOLDER}; the system is not changed`);
  const unpacking = await reasonOfFailure(unpack());
  if (unpacking === null && starts(unpackedWrapper()))
    return { kind: 'ready', executable: unpackedWrapper() };
  const reason = unpacking ?? 'the unpacked Chromium does not start';
  if (!isRoot()) return { kind: 'missing', reason, command: `sudo sh -c '${INSTALL}'` };
  say(`that did not do (${reason}); as root, installing it into the system: ${INSTALL}`);
  const installing = await reasonOfFailure(installDebianPackages(PACKAGES));
  const now = findChromium();
  if (now !== null) return { kind: 'ready', executable: now };
  return { kind: 'missing', reason: installing ?? 'it does not start', command: INSTALL };
}

/** `null` when it worked. */
async function reasonOfFailure(work: Promise<void>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function unpack(): Promise<void> {
  const root = join(FOLDER, 'root');
  const fresh = join(FOLDER, `root.${process.pid}`);
  mkdirSync(FOLDER, { recursive: true });
  try {
    await unpackDebianPackages(PACKAGES, fresh);
    writeFileSync(join(fresh, 'fonts.conf'), fontConfiguration(root));
    rmSync(root, { recursive: true, force: true });
    renameSync(fresh, root);
    writeFileSync(unpackedWrapper(), wrapper(root));
    chmodSync(unpackedWrapper(), 0o755);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
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

function installed(): readonly string[] {
  return ['chromium', 'chromium-browser', 'google-chrome'].map(onPath).filter((path) => path !== undefined);
}
