/**
 * In one process several readers get the same record, as the very same bytes, within moments: the log hands out the
 * last ones from memory. What one of them has decoded the others take over, and where the process has written the bytes
 * itself, what it encoded is remembered with them. A memory of decoded bytes and nothing else: bytes that are not the
 * same object are decoded again, so a reader far behind or in another process is as well off as without.
 */
import type { AccountStateEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import type { Decoded } from '#domain/data/decoded.ts';
import { decodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { asRecorded, asRecordedEntry, type TradingOutput } from '#domain/data/trading-events.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import {
  decodeLedgerEntry,
  decodeOrderUpdate,
  decodeTradeExecuted,
} from '#domain/data/trading-output-codec.ts';

type Decode<Value> = (bytes: Uint8Array) => Decoded<Value>;

export interface DecodedOnce<Value> {
  /** Whoever gets a value shares it: values are never changed. */
  read(bytes: Uint8Array): Decoded<Value>;
  /** `bytes` are `value`, encoded. */
  remember(bytes: Uint8Array, value: Value): void;
}

/**
 * Makes decoders that remember together their last `limit` answers, by the identity of the bytes. Together, since bytes
 * of all kinds share stretches of memory (record-writer.ts): what is remembered of a quiet kind would keep all that was
 * written since.
 */
export function rememberLast(limit: number): <Value>(decode: Decode<Value>) => DecodedOnce<Value> {
  const order: (Uint8Array | undefined)[] = new Array(limit).fill(undefined);
  const places: ({ delete(bytes: Uint8Array): boolean } | undefined)[] = new Array(limit).fill(undefined);
  let next = 0;

  return <Value>(decode: Decode<Value>): DecodedOnce<Value> => {
    const remembered = new Map<Uint8Array, Decoded<Value>>();

    function keep(bytes: Uint8Array, decoded: Decoded<Value>): void {
      const oldest = order[next];
      if (oldest !== undefined) places[next]?.delete(oldest);
      order[next] = bytes;
      places[next] = remembered;
      next = (next + 1) % limit;
      remembered.set(bytes, decoded);
    }

    return {
      read(bytes) {
        const known = remembered.get(bytes);
        if (known !== undefined) return known;
        const decoded = decode(bytes);
        keep(bytes, decoded);
        return decoded;
      },
      remember: (bytes, value) => keep(bytes, { kind: 'decoded', value }),
    };
  };
}

const decodeOnce = rememberLast(8_192);
const marketEvents = decodeOnce(decodeMarketEvent);
const inputs = decodeOnce(decodeTradingInput);
const updates = decodeOnce(decodeOrderUpdate);
const trades = decodeOnce(decodeTradeExecuted);
const entries = decodeOnce(decodeLedgerEntry);
const states = decodeOnce(decodeAccountStateEntity);

/** For the price cache and the price sequencer. */
export const { read: readMarketEvent, remember: rememberMarketEvent } = marketEvents;
/** For the owners of all partitions, which get the same price batches, and the order index. */
export const { read: readTradingInput, remember: rememberTradingInput } = inputs;
/** For the order index and account channels. */
export const { read: readOrderUpdate } = updates;
/** For history and analytics. */
export const { read: readTradeExecuted } = trades;
/** For statements. */
export const { read: readLedgerEntry } = entries;

/** For portfolios. */
export const { read: readAccountState } = states;

/** Accounts and positions; nothing else is read but when a partition is restored. */
export function rememberAccountState(bytes: Uint8Array, entity: AccountStateEntity): void {
  if (entity.kind === 'account' || entity.kind === 'position') states.remember(bytes, entity);
}

export function rememberTradingOutput(bytes: Uint8Array, output: TradingOutput): void {
  switch (output.type) {
    case 'OrderUpdate':
      updates.remember(bytes, asRecorded(output));
      break;
    case 'TradeExecuted':
      trades.remember(bytes, asRecorded(output));
      break;
    case 'LedgerEntry':
      entries.remember(bytes, asRecordedEntry(output));
      break;
    // Read by the venues alone.
    case 'VenueCommand':
      break;
  }
}
