/**
 * Provides a program that tests need and npm has not.
 *
 * In order: the one that a variable names; one on the path; one that an earlier run unpacked in the user's cache folder; on
 * Debian and its kin, packages fetched by apt-get (own lists, no root needed) and unpacked there; as root, apt-get install.
 * Each candidate must show that it starts before it is taken.
 */
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { installDebianPackages, isDebian, isRoot, unpackDebianPackages } from './debian-packages.ts';
import { isExecutable, onPath } from './run-command.ts';

export interface DebianTool {
  /** As people write it. */
  readonly title: string;
  /** Of its folder in the cache. */
  readonly name: string;
  /** What may hold its path. */
  readonly variable: string;
  /** On the path, any of them. */
  readonly commands: readonly string[];
  readonly packages: readonly string[];
  /** In shell: starts the program that is unpacked in `$root`; its libraries are in `$libraries`, a colon after each. */
  readonly launch: string;
  /** Adds to what was unpacked in `fresh`, which will be at `root`. */
  readonly complete?: (fresh: string, root: string) => void;
  /** Does enough of its work to show that nothing is missing. */
  readonly starts: (executable: string) => boolean;
}

export type ProvidedTool =
  | { readonly kind: 'ready'; readonly executable: string }
  | { readonly kind: 'missing'; readonly reason: string; readonly command: string };

/** What is there already; `null` when nothing that starts is found. Installs nothing. */
export function findTool(tool: DebianTool): string | null {
  const named = process.env[tool.variable];
  const candidates = [
    ...(named === undefined || named === '' ? [] : [named]),
    ...tool.commands.map(onPath).filter((path) => path !== undefined),
    unpackedWrapper(tool),
  ];
  return candidates.find((path) => isExecutable(path) && tool.starts(path)) ?? null;
}

export async function provideTool(tool: DebianTool, say: (sentence: string) => void): Promise<ProvidedTool> {
  const { title, packages } = tool;
  const found = findTool(tool);
  if (found !== null) return { kind: 'ready', executable: found };
  if (!isDebian()) {
    return {
      kind: 'missing',
      reason: 'this is no Debian, so it cannot be fetched by itself',
      command: `install ${title} and set ${tool.variable} to its path`,
    };
  }
  say(`fetching Debian packages of ${title} into ${cacheFolder(tool.name)}; the system is not changed`);
  const unpacking = await reasonOfFailure(unpack(tool));
  if (unpacking === null && tool.starts(unpackedWrapper(tool)))
    return { kind: 'ready', executable: unpackedWrapper(tool) };
  const reason = unpacking ?? `the unpacked ${title} does not start`;
  const install = `apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!isRoot()) return { kind: 'missing', reason, command: `sudo sh -c '${install}'` };
  say(`that did not do (${reason}); as root, installing it into the system: ${install}`);
  const installing = await reasonOfFailure(installDebianPackages(packages));
  const now = findTool(tool);
  if (now !== null) return { kind: 'ready', executable: now };
  return { kind: 'missing', reason: installing ?? 'it does not start', command: install };
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

function unpackedWrapper({ name }: DebianTool): string {
  return join(cacheFolder(name), `run-${name}`);
}

async function unpack(tool: DebianTool): Promise<void> {
  const folder = cacheFolder(tool.name);
  const root = join(folder, 'root');
  const fresh = join(folder, `root.${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    await unpackDebianPackages(tool.packages, fresh);
    tool.complete?.(fresh, root);
    rmSync(root, { recursive: true, force: true });
    renameSync(fresh, root);
    writeFileSync(unpackedWrapper(tool), wrapper(tool, root));
    chmodSync(unpackedWrapper(tool), 0o755);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function wrapper(tool: DebianTool, root: string): string {
  return `#!/bin/sh
# Starts the ${tool.title} that the tests unpacked beside this file, with its own libraries.
root='${root}'
libraries=$(find "$root/usr/lib" "$root/lib" -maxdepth 1 -type d -name '*-linux-gnu*' 2>/dev/null | tr '\\n' ':')
${tool.launch}
`;
}
