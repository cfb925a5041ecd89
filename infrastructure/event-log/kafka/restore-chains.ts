/**
 * The chains of seals as they are when a sealer begins: from the noted heads on, each entry following from the one before it.
 *
 * A process without heads, or that has not sealed for long, would read all seals of a year that way. Where there are many it
 * begins so far before the end that each partition which ever held a record has a seal in what is read. What follows from
 * that one is checked as ever; whether it follows from what was before it, `verify` tells.
 *
 *   log_seals   ├────── not read ──────┤ a's last seal ─▶ … ─▶ b's last seal ─▶ end
 */
import type { EventLog, Position, TopicPartition } from '../event-log.ts';
import { chainKey, decodeChainEntry } from '../seal.ts';
import { SEALS, SEALS_PER_READ } from './due-seals.ts';
import { assertReached, damaged } from './heads-check.ts';
import type { LogEnds } from './log-ends.ts';
import { SealChains } from './seal-chains.ts';
import type { SealHeads } from './seal-heads.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

export interface RestoreParts {
  readonly log: Pick<EventLog, 'read'>;
  readonly ends: Pick<LogEnds, 'extents'>;
  readonly catalogue: Pick<TopicCatalogue, 'has' | 'places' | 'sealedTopics'>;
  readonly heads: SealHeads;
  /** For sentences. */
  readonly headsFolder: string;
}

export interface Restored {
  readonly chains: SealChains;
  /** Of what was read, what was to be removed: the one that wrote it may have ended before the broker was told. */
  readonly expired: readonly Position[];
}

/** What is read from the heads on, about a second of it. */
const FEW_SEALS = 100_000;
/** How far before the end is looked first; four times as far each time after. */
const STEP_BACK = 10_000;

/** Throws `LOG_DAMAGED` where an entry does not follow, or the log does not reach its heads. */
export async function restoreChains(
  parts: RestoreParts,
  { few = FEW_SEALS, stepBack = STEP_BACK } = {},
): Promise<Restored> {
  const { heads, ends } = parts;
  const noted = heads.all();
  await assertReached(parts, noted);
  const from = noted.find(({ topic }) => topic === SEALS.topic)?.nextOffset ?? 0;
  const end = (await ends.extents([SEALS]))[0]?.nextOffset ?? 0;
  const start = end - from > few ? await startOfLast(parts, { from, end, stepBack }) : from;
  const isFromHeads = start === from;
  const chains = new SealChains(isFromHeads ? noted : []);
  /** Whose next entry has to follow; `null`: all. */
  const known = isFromHeads ? null : new Set<string>();
  const changed = new Map<string, TopicPartition>();
  const expired = new Map<string, Position>();
  let offset = start;
  for await (const { at, key, entry, value } of seals(parts, start)) {
    if ((known === null || known.has(key)) && !chains.follows(entry)) throw notFollowing(at);
    chains.add(entry, value);
    if (entry.kind === 'seal') known?.add(key);
    else expired.set(key, { ...placeOf(entry), offset: entry.before });
    changed.set(key, entry);
    offset = at + 1;
  }
  if (changed.size > 0) heads.follow(chains, changed.values(), offset);
  return { chains, expired: [...expired.values()] };
}

/** Where to begin so that each of them has a seal there; at the heads where some have none since. */
async function startOfLast(
  parts: RestoreParts,
  { from, end, stepBack }: { readonly from: number; readonly end: number; readonly stepBack: number },
): Promise<number> {
  const places = parts.catalogue.sealedTopics().flatMap(({ name }) => parts.catalogue.places(name));
  const held = (await parts.ends.extents(places)).filter(({ nextOffset }) => nextOffset > 0);
  const missing = new Set(held.map(({ topic, partition }) => chainKey(topic, partition)));
  let start = end;
  for (let step = stepBack; missing.size > 0 && start > from; step *= 4) {
    const before = start;
    start = Math.max(from, before - step);
    for await (const { at, key, entry } of seals(parts, start)) {
      if (at >= before) break;
      if (entry.kind === 'seal') missing.delete(key);
    }
  }
  return start;
}

async function* seals({ log }: Pick<RestoreParts, 'log'>, from: number) {
  for (let offset = from; ; ) {
    const records = await log.read({ ...SEALS, offset }, SEALS_PER_READ);
    if (records.length === 0) return;
    for (const { offset: at, value } of records) {
      const entry = value === null ? null : decodeChainEntry(value);
      if (entry === null || value === null) throw notFollowing(at);
      yield { at, key: chainKey(entry.topic, entry.partition), entry, value };
      offset = at + 1;
    }
  }
}

function notFollowing(at: number) {
  return damaged(`${SEALS.topic} offset ${at} is not a seal that follows from the one before it`);
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
