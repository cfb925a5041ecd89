/** strace, for the tests that cut the power. */
import { spawnSync } from 'node:child_process';
import type { DebianTool } from './debian-tool.ts';

export const STRACE: DebianTool = {
  title: 'strace',
  name: 'strace',
  variable: 'STRACE_PATH',
  commands: ['strace'],
  packages: ['strace'],
  launch: `export LD_LIBRARY_PATH="$libraries"
exec "$root/usr/bin/strace" "$@"`,
  // Whether it may trace is another question.
  starts: (executable) => spawnSync(executable, ['-V']).status === 0,
};

/** Why `executable` may not look at another process here, and what allows it; `null` when it may. */
export function whyNotTracing(executable: string): string | null {
  const attempt = spawnSync(executable, ['-D', '-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (attempt.status === 0) return null;
  const said = attempt.stderr.trim().split('\n', 1)[0] ?? '';
  return (
    `strace may not trace here (${said}): allow ptrace, in a container with --cap-add=SYS_PTRACE, ` +
    'on the host with sysctl kernel.yama.ptrace_scope=1'
  );
}
