/**
 * One pass over what execution wrote: every record readable, every account's sequence without gaps, every entry of the
 * books balanced, and no trading account below zero. Whoever asks can follow the decoded events on the way.
 */
import type { Decoded } from '#domain/data/decoded.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { LedgerEntry, OrderUpdate, Recorded, TradeExecuted } from '#domain/data/trading-events.ts';
import {
  decodeLedgerEntry,
  decodeOrderUpdate,
  decodeTradeExecuted,
  decodeVenueCommand,
} from '#domain/data/trading-output-codec.ts';
import type { ArchivedRecord, LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { FINDINGS_PER_CHECK, type Finding, placeOf } from './finding.ts';
import { SequenceCheck } from './sequences.ts';

export interface OutputFollower {
  tradeExecuted(event: Recorded<TradeExecuted>): void;
  orderUpdate(event: OrderUpdate): void;
  ledgerEntry(event: Recorded<LedgerEntry>): void;
}

/** Account (or system account of a partition) → asset → balance. */
export type Balances = ReadonlyMap<string, ReadonlyMap<string, bigint>>;

export interface BooksVerdict {
  readonly findings: readonly Finding[];
  readonly balances: Balances;
  readonly accounts: number;
  readonly outputs: number;
}

const SYSTEM_ACCOUNTS = new Set(['outside', 'venue', 'fees', 'clearing']);

export function checkBooks(
  archive: LogArchive,
  followers: readonly OutputFollower[],
  progress: (records: number) => void,
): BooksVerdict {
  const findings: Finding[] = [];
  const balances = new Map<string, Map<string, bigint>>();
  const sequences = new SequenceCheck();
  let outputs = 0;

  function tell(finding: Finding | null): void {
    if (finding === null) return;
    if (findings.filter(({ check }) => check === finding.check).length < FINDINGS_PER_CHECK)
      findings.push(finding);
  }

  function balance(entry: Recorded<LedgerEntry>, record: ArchivedRecord): void {
    const sums = new Map<string, bigint>();
    for (const { account, asset, amount } of entry.postings) {
      sums.set(asset, (sums.get(asset) ?? 0n) + amount);
      const owner = SYSTEM_ACCOUNTS.has(account) ? `${account}/${record.partition}` : account;
      const assets = balances.get(owner) ?? new Map<string, bigint>();
      const after = (assets.get(asset) ?? 0n) + amount;
      assets.set(asset, after);
      balances.set(owner, assets);
      if (owner === account && after < 0n) {
        tell({
          check: 'books',
          record: placeOf(record),
          message: `account ${account} goes below zero in ${asset}`,
        });
      }
    }
    for (const [asset, sum] of sums) {
      if (sum !== 0n) {
        tell({
          check: 'books',
          record: placeOf(record),
          message: `the entry ${entry.eventId} does not balance: its postings in ${asset} add up to ${sum} units of 10⁻⁹`,
        });
      }
    }
    const cash = balances.get(entry.accountId)?.get('USD') ?? 0n;
    if (cash !== entry.cashAfter) {
      tell({
        check: 'books',
        record: placeOf(record),
        message: `the entry ${entry.eventId} says another cash than its account's entries add up to`,
      });
    }
  }

  function follow<Event extends { readonly accountId: AccountId; readonly sequence: number }>(
    topic: string,
    decode: (bytes: Uint8Array) => Decoded<Event>,
    take: (event: Event, record: ArchivedRecord) => void,
  ): void {
    for (const place of archive.partitions().filter((extent) => extent.topic === topic)) {
      for (const record of archive.records(place)) {
        outputs += 1;
        if (outputs % 100_000 === 0) progress(outputs);
        const decoded =
          record.value === null
            ? ({ kind: 'unreadable', reason: 'it has no value' } as const)
            : decode(record.value);
        if (decoded.kind === 'unreadable') {
          tell({
            check: 'records',
            record: placeOf(record),
            message: `the record cannot be read: ${decoded.reason}`,
          });
          continue;
        }
        const event = decoded.value;
        // What was refused to an account that was never opened is numbered 0: there is no sequence to take from.
        if (event.sequence > 0) tell(sequences.note(event.accountId, event.sequence, placeOf(record)));
        take(event, record);
      }
    }
  }

  follow(TOPIC.tradeExecuted, decodeTradeExecuted, (event) => {
    for (const follower of followers) follower.tradeExecuted(event);
  });
  follow(TOPIC.orderUpdates, decodeOrderUpdate, (event) => {
    for (const follower of followers) follower.orderUpdate(event);
  });
  follow(TOPIC.ledgerEntries, decodeLedgerEntry, (event, record) => {
    balance(event, record);
    for (const follower of followers) follower.ledgerEntry(event);
  });
  follow(TOPIC.venueCommands, decodeVenueCommand, () => undefined);
  findings.push(...sequences.gaps(FINDINGS_PER_CHECK));
  return { findings, balances, accounts: sequences.accounts, outputs };
}
