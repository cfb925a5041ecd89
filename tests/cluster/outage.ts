/** One server taken away from a program under load, and given back: what the program says meanwhile, and how soon all of it works again. */
import assert from 'node:assert/strict';
// house: allow no-sleeping — an outage has a length
import { setTimeout as pause } from 'node:timers/promises';
import { type Api, listMember, member, textMember } from '../e2e/api.ts';
import { eventually } from '../e2e/eventually.ts';
import type { Account } from '../e2e/workload.ts';
import type { Told } from './steady-load.ts';

/** What is promised (docs/servers.md). */
const RECOVERED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 200;
/** Of those that nobody else in the tests trades, so that one share more is ours. */
const PROBED_SYMBOL = 'KO';

export interface Fault {
  readonly name: string;
  /** What it holds is still read, so orders may go on that need nothing more of it. */
  readonly stillReads?: true;
  begin(): Promise<void>;
  /** Resolves when the server is as it was. */
  end(): Promise<void>;
}

interface Look {
  readonly atMs: number;
  readonly reasons: readonly string[];
}

export interface Outage {
  readonly beganMs: number;
  /** Until then nothing was done to end it. */
  readonly lastedUntilMs: number;
  /** The server is back. */
  readonly endedMs: number;
  /** Of readiness, while it lasted. */
  readonly looks: readonly Look[];
}

/** Milliseconds from the end of the outage. */
export interface Recovery {
  readonly readyMs: number;
  readonly acceptedMs: number;
  /** The order accepted is filled, in its portfolio, in the history and counted by analytics. */
  readonly wholeMs: number;
}

/** An account whose orders show whether everything works, one share at a time. */
export interface Prober {
  readonly account: Account;
  shares: number;
}

async function reasonsNow(api: Api): Promise<readonly string[]> {
  const { status, body } = await api.request('GET', '/readyz');
  const reasons = listMember(body, 'reasons').map(String);
  assert.equal(reasons.length > 0, status === 503, `readiness gives its reasons: ${JSON.stringify(body)}`);
  return reasons;
}

export async function passThrough(fault: Fault, seconds: number, api: Api): Promise<Outage> {
  await fault.begin();
  const beganMs = performance.now();
  const looks: Look[] = [];
  let lastedUntilMs = beganMs;
  try {
    while (performance.now() < beganMs + seconds * 1_000) {
      looks.push({ reasons: await reasonsNow(api), atMs: performance.now() });
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    lastedUntilMs = performance.now();
    await fault.end();
  }
  return { beganMs, lastedUntilMs, endedMs: performance.now(), looks };
}

/** Fails when something has not come back in time. */
export async function recover(
  { endedMs }: Pick<Outage, 'endedMs'>,
  api: Api,
  prober: Prober,
): Promise<Recovery> {
  const sinceEnd = (): number => performance.now() - endedMs;
  const inTime = async (sentence: string, probe: () => Promise<boolean>): Promise<number> => {
    const leftMs = Math.max(0, RECOVERED_WITHIN_MS - sinceEnd());
    await eventually(sentence, async () => ((await probe()) ? true : null), leftMs);
    return sinceEnd();
  };
  const works = async (): Promise<Pick<Recovery, 'acceptedMs' | 'wholeMs'>> => {
    const acceptedMs = await inTime('an order is accepted', () => oneShare(api, prober));
    prober.shares += 1;
    const shares = String(prober.shares);
    const wholeMs = await inTime('the order is in the portfolio, the history and the analytics', async () =>
      (await sharesSeen(api, prober)).every((seen) => seen === shares),
    );
    return { acceptedMs, wholeMs };
  };
  const [readyMs, worked] = await Promise.all([
    inTime('it is ready', async () => (await reasonsNow(api)).length === 0),
    works(),
  ]);
  return { readyMs, ...worked };
}

async function oneShare(api: Api, { account, shares }: Prober): Promise<boolean> {
  const { status } = await api.request('POST', '/v1/orders', {
    credential: account.credential,
    idempotencyKey: `probe-${shares}`,
    body: { symbol: PROBED_SYMBOL, side: 'BUY', quantity: '1' },
  });
  return status === 202;
}

/** As the portfolio, the history and the analytics have them; `null` where one of them does not answer. */
async function sharesSeen(api: Api, { account }: Prober): Promise<readonly (string | null)[]> {
  const { credential, accountId } = account;
  const read = async (path: string, shares: (body: unknown) => string): Promise<string | null> => {
    const { status, body } = await api.request('GET', path, { credential });
    return status === 200 ? shares(body) : null;
  };
  return Promise.all([
    read(`/v1/portfolio/${accountId}`, (body) => {
      const holdings = member(body, 'holdings') as Readonly<Record<string, string>>;
      return holdings[PROBED_SYMBOL] ?? '0';
    }),
    read(`/v1/trades/search?userId=${accountId}&limit=1`, (body) =>
      String(member(member(body, 'pagination'), 'totalCount')),
    ),
    read(`/v1/analytics/volume?symbol=${PROBED_SYMBOL}&timeWindow=7d`, (body) => {
      const [row] = listMember(body, 'data');
      return row === undefined ? '0' : textMember(row, 'volume');
    }),
  ]);
}

/** Orders that were new, and asked for and answered while it lasted. */
export function newOrdersDuring({ beganMs, lastedUntilMs }: Outage, told: readonly Told[]): readonly Told[] {
  return told.filter(({ first, askedMs, toldMs }) => first && askedMs > beganMs && toldMs < lastedUntilMs);
}

/** A line for docs/reliability.md. */
export function tableRow(
  server: string,
  fault: Fault,
  outage: Outage,
  recovery: Recovery,
  told: readonly Told[],
): string {
  const { beganMs, lastedUntilMs, looks } = outage;
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const meanwhile = told.filter(({ askedMs, toldMs }) => askedMs > beganMs && toldMs < lastedUntilMs);
  const counts = new Map<string, number>();
  for (const { status, code } of meanwhile) {
    const what = status === 202 ? 'accepted' : status < 500 ? 'judged' : `${status} ${code}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const orders = [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
  const unready = looks.find(({ reasons }) => reasons.length > 0);
  const said =
    unready === undefined
      ? 'ready throughout'
      : `after ${seconds(unready.atMs - beganMs)} s: ${unready.reasons.join('; ')}`;
  const back = [recovery.acceptedMs, recovery.readyMs, recovery.wholeMs].map(seconds).join(' / ');
  return `| ${server} | ${fault.name}, ${seconds(lastedUntilMs - beganMs)} s | ${orders || 'none answered'} | ${said} | ${back} |`;
}
