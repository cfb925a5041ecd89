/** The program under load, as a process of its own on a folder of its own, and accounts to load it with. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { connectOperator, type OperatorClient } from '../operator-client.ts';
import type { BenchPlace } from './bench-place.ts';

const ENTRY = join(dirname(import.meta.dirname), '../bin/tradehall.ts');
/** A first start on a seeded log executes all of it before it is ready. */
const READY_TIMEOUT_MS = 1_800_000;
const KIB_PER_MIB = 1_024;
/** Linux counts processor time in hundredths of a second, on every machine. */
const US_PER_TICK = 10_000;

export interface BenchProgram {
  readonly host: string;
  readonly port: number;
  readonly readyMs: number;
  readonly operator: OperatorClient;
  /** `VmRSS` of the process, MiB; 0 where there is no /proc. */
  residentMib(): number;
  /** What the process has used since its start; zeros where there is no /proc. */
  used(): ProcessUse;
  stop(): Promise<void>;
}

export interface ProcessUse {
  /** User and system time of all its threads, µs. */
  readonly processorUs: number;
  /** Handed to the disk. */
  readonly diskBytes: number;
}

export interface BenchFolder {
  readonly path: string;
  remove(): void;
}

export function benchFolder(): BenchFolder {
  const path = mkdtempSync(join(tmpdir(), 'tradehall-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** `words`: targets and flags of the start. */
export async function startBenchProgram(
  dataFolder: string,
  words: readonly string[],
  { environment }: Pick<BenchPlace, 'environment'>,
): Promise<BenchProgram> {
  const startedAt = performance.now();
  const child: ChildProcess = spawn(
    process.execPath,
    [ENTRY, 'start', '--data', dataFolder, '--port', '0', '--log-level', 'error', ...words],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...environment } },
  );
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null) throw failure('it could not be started');
  const closed = once(child, 'close');
  const lines = createInterface({ input: stdout });
  const line = await Promise.race([
    once(lines, 'line', { signal: AbortSignal.timeout(READY_TIMEOUT_MS) }).then(([first]) => String(first)),
    closed.then(([code]) => `ended with ${String(code)}`),
  ]);
  const address = /^ready http:\/\/([^:]+):(\d+)$/.exec(line);
  if (address === null) throw failure(line);
  return {
    host: address[1] ?? '',
    port: Number(address[2]),
    readyMs: performance.now() - startedAt,
    operator: connectOperator(dataFolder),
    residentMib: () => residentMib(pid),
    used: () => usedBy(pid),
    stop: async () => {
      child.kill('SIGTERM');
      await closed;
    },
  };
}

function failure(what: string): OperatingError {
  return new OperatingError('BENCH_FAILED', `The program under load: ${what}.`, { retry: 'never' });
}

function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(processFile(pid, 'status'))?.[1] ?? 0) / KIB_PER_MIB;
}

function usedBy(pid: number): ProcessUse {
  // The fields after the name in parentheses, which may hold anything: state is the third, utime and stime 14 and 15.
  const fields = processFile(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  const diskBytes = Number(/^write_bytes: (\d+)$/m.exec(processFile(pid, 'io'))?.[1] ?? 0);
  return { processorUs: ticks * US_PER_TICK, diskBytes };
}

/** Empty where there is no /proc: only Linux tells, and the figures then are left at 0. */
function processFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

export interface BenchAccount {
  readonly accountId: string;
  /** `keyId.secret`. */
  readonly credential: string;
}

export async function openBenchAccounts(
  operator: OperatorClient,
  count: number,
): Promise<readonly BenchAccount[]> {
  const accounts: BenchAccount[] = [];
  for (let index = 0; index < count; index += 1) {
    const { accountId } = (await operator.call('POST', '/operator/accounts', {
      name: `Bench ${index}`,
      cash: '1000000000',
    })) as { readonly accountId: string };
    const key = (await operator.call('POST', `/operator/accounts/${accountId}/keys`)) as {
      readonly keyId: string;
      readonly secret: string;
    };
    accounts.push({ accountId, credential: `${key.keyId}.${key.secret}` });
  }
  return accounts;
}
