/**
 * Verifies a log at rest against its seals and its heads, and names the first bad record of each partition.
 *
 * One pass over `log_seals` drives a cursor through each sealed partition, so memory does not grow with the log.
 * What it cannot see: a change to records, seals and heads alike by someone who can write all three.
 * Compacted topics have no seals: the hashes of the states they hold are in sealed topics, and a replay compares them.
 */
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { TopicPartition } from './event-log.ts';
import type { ArchivedPartition, ArchivedRecord, LogArchive, LogHead } from './log-archive.ts';
import type { ChainEntry, Hash } from './seal.ts';
import {
  chainHash,
  chainKey,
  contentCheck,
  decodeChainEntry,
  NO_HASH,
  recordCheck,
  sealRoot,
} from './seal.ts';

export type LogProblemReason =
  | 'changed'
  | 'removed'
  | 'cut-tail'
  | 'unsealed'
  | 'missing-seal'
  | 'broken-chain'
  | 'unreadable-seal'
  | 'heads-missing'
  | 'damaged-file';

export interface LogProblem extends TopicPartition {
  /** Of the first bad record; for a problem of a seal itself, of the first record it should cover. */
  readonly offset: number;
  readonly reason: LogProblemReason;
  /** A sentence for people. */
  readonly message: string;
}

export interface LogVerdict {
  readonly sound: boolean;
  /** At most one per partition, in the order of the topics, `log_seals` last: what follows a bad record cannot be judged. */
  readonly problems: readonly LogProblem[];
  /** In the log, those of compacted topics among them. */
  readonly records: number;
  readonly seals: number;
  readonly partitions: number;
}

class PartitionCheck {
  readonly extent: ArchivedPartition;
  readonly sealed: boolean;
  readonly #head: LogHead | undefined;
  readonly #records: Iterator<ArchivedRecord>;
  #ahead: ArchivedRecord | null = null;
  problem: LogProblem | null = null;
  records = 0;
  /** Records below this are covered by the seals seen so far. */
  #sealedTo = 0;
  #expiredBefore = 0;
  #chain: Hash = NO_HASH;
  #headSeen: boolean;

  constructor(archive: LogArchive, extent: ArchivedPartition, sealed: boolean, head: LogHead | undefined) {
    this.extent = extent;
    this.sealed = sealed;
    this.#head = head;
    this.#headSeen = head === undefined || head.chainHash === NO_HASH;
    this.#records = archive.records(extent)[Symbol.iterator]();
  }

  fail(offset: number, reason: LogProblemReason, message: string): void {
    const { topic, partition } = this.extent;
    this.problem ??= {
      topic,
      partition,
      offset,
      reason,
      message: `${topic}/${partition} offset ${offset}: ${message}`,
    };
    this.#records.return?.();
  }

  #peek(): ArchivedRecord | null {
    if (this.#ahead === null) {
      const step = this.#records.next();
      this.#ahead = step.done === true ? null : step.value;
    }
    return this.#ahead;
  }

  #next(): ArchivedRecord | null {
    const record = this.#peek();
    this.#ahead = null;
    if (record !== null) this.records += 1;
    return record;
  }

  entry(entry: ChainEntry, bytes: Uint8Array): void {
    if (this.problem !== null) return;
    const at = entry.kind === 'seal' ? entry.first : entry.before;
    if (!this.sealed) {
      this.fail(at, 'broken-chain', 'a seal exists for a topic that is not sealed');
      return;
    }
    if (
      entry.kind === 'seal' &&
      (entry.first !== this.#sealedTo || entry.count > entry.last - entry.first + 1)
    ) {
      this.fail(this.#sealedTo, 'missing-seal', `the next seal covers ${entry.first} to ${entry.last}`);
      return;
    }
    if (entry.previous !== this.#chain) {
      this.fail(at, 'broken-chain', 'its seal does not follow from the seal before it');
      return;
    }
    this.#chain = chainHash(bytes);
    if (this.#head?.chainHash === this.#chain) this.#headSeen = true;
    if (entry.kind === 'expiry') {
      if (entry.before > this.#sealedTo) {
        this.fail(at, 'removed', 'retention claims to have removed unsealed records');
        return;
      }
      this.#expiredBefore = entry.before;
      return;
    }
    this.#sealedTo = entry.last + 1;
    if (entry.last < this.extent.firstOffset) return;
    if (entry.count === entry.last - entry.first + 1) this.#compare(entry);
    else this.#compareSparse(entry);
  }

  /** The records up to `last`, for as long as `see` says so of each. */
  *#covered(last: number, see: (record: ArchivedRecord) => boolean): Generator<ArchivedRecord> {
    for (let record = this.#peek(); record !== null && record.offset <= last; record = this.#peek()) {
      if (!see(record)) return;
      this.#next();
      yield record;
    }
  }

  /** A seal of offsets with holes (Kafka's): it says how many records there are, and its root where each is. */
  #compareSparse(seal: ChainEntry & { readonly kind: 'seal' }): void {
    const { first, last, count } = seal;
    let found = 0;
    const root = sealRoot(
      this.#covered(last, () => {
        found += 1;
        return true;
      }),
    );
    if (found === count && root === seal.root) return;
    const what = `the records from ${first} to ${last}`;
    if (found < count) {
      const missing = count - found;
      this.fail(first, 'removed', `of ${what}, ${count} when they were sealed, ${missing} are missing`);
    } else {
      this.fail(first, 'changed', `${what} are not the ${count} that were sealed`);
    }
  }

  #compare(seal: ChainEntry & { readonly kind: 'seal' }): void {
    const { first, last } = seal;
    let next = first;
    let suspect: number | null = null;
    const root = sealRoot(
      this.#covered(last, ({ offset, appendedAtMs, key, value, check }) => {
        if (offset !== next) return false;
        next += 1;
        const intact = check === recordCheck(offset, appendedAtMs, contentCheck(key, value));
        if (suspect === null && !intact) suspect = offset;
        return true;
      }),
    );
    if (next > last && root === seal.root) return;
    // A record before one that is missing, and that no longer fits its own check, is the first bad one.
    if (suspect !== null) {
      this.fail(suspect, 'changed', 'the record is not the one that was sealed');
    } else if (next <= last) {
      const reason = this.#peek() === null && next > first ? 'cut-tail' : 'removed';
      this.fail(next, reason, 'a seal covers this record, but it is missing');
    } else {
      this.fail(first, 'changed', `the records ${first} to ${last} are not those that were sealed`);
    }
  }

  /** After the last seal. */
  finish(): void {
    if (this.problem !== null) return;
    const { firstOffset, nextOffset } = this.extent;
    if (this.sealed) {
      const record = this.#next();
      if (record !== null) {
        this.fail(record.offset, 'unsealed', 'no seal covers this record');
        return;
      }
      if (firstOffset !== this.#expiredBefore) {
        this.fail(
          this.#expiredBefore,
          'removed',
          `records up to ${firstOffset} are gone, and no expiry says so`,
        );
        return;
      }
      if (this.#sealedTo < nextOffset) {
        this.fail(this.#sealedTo, 'cut-tail', `the log once reached ${nextOffset}`);
        return;
      }
      if (this.#chain !== this.extent.chainHash) {
        this.fail(this.#sealedTo, 'broken-chain', 'the last seal is not the one that the log notes');
        return;
      }
    } else {
      this.reachesEnd();
    }
    this.compareHead();
  }

  /** Of an unsealed, retained topic. What is missing before its end shows in the chains: only seals are such a topic. */
  reachesEnd(): void {
    let reached = this.extent.firstOffset;
    for (let record = this.#next(); record !== null; record = this.#next()) reached = record.offset + 1;
    if (reached < this.extent.nextOffset)
      this.fail(reached, 'cut-tail', `the log once reached ${this.extent.nextOffset}`);
  }

  compareHead(): void {
    if (this.problem !== null || this.#head === undefined) return;
    const { nextOffset } = this.extent;
    if (this.#head.nextOffset > nextOffset) {
      this.fail(
        nextOffset,
        'cut-tail',
        `the log ends here, but its head outside the log says ${this.#head.nextOffset}`,
      );
      return;
    }
    if (this.sealed && !this.#headSeen) {
      this.fail(
        this.#head.nextOffset - 1,
        'broken-chain',
        'the head outside the log names a seal that the log does not hold',
      );
    }
  }
}

export function verifyLog(archive: LogArchive): LogVerdict {
  const heads = archive.heads();
  const headOf = new Map((heads ?? []).map((head) => [chainKey(head.topic, head.partition), head]));
  const specs = new Map(archive.topics().map((spec) => [spec.name, spec]));
  const checks = new Map<string, PartitionCheck>();
  const outside: LogProblem[] = [];
  for (const extent of archive.partitions()) {
    const key = chainKey(extent.topic, extent.partition);
    checks.set(
      key,
      new PartitionCheck(archive, extent, specs.get(extent.topic)?.sealed === true, headOf.get(key)),
    );
  }
  for (const head of headOf.values()) {
    // The first head is noted before the first topic is made.
    if (head.nextOffset === 0 || checks.has(chainKey(head.topic, head.partition))) continue;
    const message = `${head.topic}/${head.partition} is gone; its head outside the log says ${head.nextOffset}`;
    outside.push({ topic: head.topic, partition: head.partition, offset: 0, reason: 'cut-tail', message });
  }
  if (headOf.size === 0 && [...checks.values()].some(({ extent }) => extent.nextOffset > 0)) {
    const message = 'the heads beside the log are missing or empty, so a cut tail cannot be told';
    outside.push({ topic: TOPIC.logSeals, partition: 0, offset: 0, reason: 'heads-missing', message });
  }
  let seals = 0;
  const sealsCheck = checks.get(chainKey(TOPIC.logSeals, 0));
  guarded(sealsCheck, () => {
    if (sealsCheck !== undefined) seals = followSeals(archive, sealsCheck, checks);
  });
  for (const check of checks.values()) {
    guarded(check, () => {
      if (specs.get(check.extent.topic)?.cleanup.kind !== 'compact') check.finish();
      else {
        check.records = archive.count(check.extent);
        check.compareHead();
      }
    });
  }
  const found = [...checks.values()].flatMap(({ problem }) => problem ?? []);
  const isOfSeals = ({ topic }: LogProblem) => topic === TOPIC.logSeals;
  // What is wrong with the seals themselves comes last: people ask for the record.
  const problems = [
    ...found.filter((problem) => !isOfSeals(problem)),
    ...outside,
    ...found.filter(isOfSeals),
  ];
  const records = [...checks.values()].reduce((sum, check) => sum + check.records, 0);
  return { sound: problems.length === 0, problems, records, seals, partitions: checks.size };
}

/** A file that cannot be read is a finding, not a failure of the verifier. */
function guarded(check: PartitionCheck | undefined, task: () => void): void {
  try {
    task();
  } catch (error) {
    if (!(error instanceof OperatingError) || check === undefined) throw error;
    check.fail(check.extent.firstOffset + check.records, 'damaged-file', error.message);
  }
}

function followSeals(
  archive: LogArchive,
  seals: PartitionCheck,
  checks: ReadonlyMap<string, PartitionCheck>,
): number {
  let count = 0;
  for (const record of archive.records(seals.extent)) {
    count += 1;
    const { offset } = record;
    const entry = record.value === null ? null : decodeChainEntry(record.value);
    const check = entry === null ? undefined : checks.get(chainKey(entry.topic, entry.partition));
    if (
      entry === null ||
      record.value === null ||
      check === undefined ||
      record.key !== chainKey(entry.topic, entry.partition)
    ) {
      seals.fail(offset, 'unreadable-seal', 'this is not a seal of a partition of this log');
      continue;
    }
    const { value } = record;
    guarded(check, () => check.entry(entry, value));
  }
  return count;
}
