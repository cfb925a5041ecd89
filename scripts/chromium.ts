/** Chromium, for the page tests. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DebianTool } from './debian-tool.ts';

export const CHROMIUM: DebianTool = {
  title: 'Chromium',
  name: 'chromium',
  variable: 'CHROMIUM_PATH',
  commands: ['chromium', 'chromium-browser', 'google-chrome'],
  packages: ['chromium', 'fonts-liberation'],
  launch: `export LD_LIBRARY_PATH="$libraries$root/usr/lib/chromium"
export FONTCONFIG_FILE="$root/fonts.conf"
exec "$root/usr/lib/chromium/chromium" "$@"`,
  complete: (fresh, root) => writeFileSync(join(fresh, 'fonts.conf'), fontConfiguration(root)),
  starts,
};

function fontConfiguration(root: string): string {
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir>${root}/font-cache</cachedir></fontconfig>
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
