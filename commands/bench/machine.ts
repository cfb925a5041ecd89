/** The machine and the program that figures belong to; figures without them mean nothing. */
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os';
import packageJson from '#package.json' with { type: 'json' };

const GIB = 1_073_741_824;

export function machineLines(nowMs: number): readonly string[] {
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  return [
    `Tradehall ${packageJson.version} on Node ${process.version}, ${new Date(nowMs).toISOString().slice(0, 10)}`,
    `${availableParallelism()} × ${processor}, ${(totalmem() / GIB).toFixed(1)} GiB (${(freemem() / GIB).toFixed(1)} free), ${platform()} ${release()} ${arch()}`,
  ];
}
