/**
 * In one process several readers get the same record, as the very same bytes, within moments: the log hands out the
 * last ones from memory. What one of them has decoded the others take over, and where the process has written the bytes
 * itself, what it encoded is remembered with them: on the bytes, so it goes when nobody holds them any more. Bytes that
 * are not the same object are decoded again, so a reader far behind or in another process is as well off as without.
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

/** What the bytes were last read as, and by whom. Names of their own for each decoder would be searched for at each record. */
const decodedBy = Symbol('decoded by');
const decodedAs = Symbol('decoded as');
type Remembering = Uint8Array & { [decodedBy]?: Decode<unknown>; [decodedAs]?: Decoded<unknown> };

/** `decode`, remembering its answers with the bytes. */
export function decodeOnce<Value>(decode: Decode<Value>): DecodedOnce<Value> {
  function keep(bytes: Remembering, decoded: Decoded<Value>): Decoded<Value> {
    bytes[decodedBy] = decode;
    bytes[decodedAs] = decoded;
    return decoded;
  }

  return {
    read(bytes: Remembering) {
      return bytes[decodedBy] === decode ? (bytes[decodedAs] as Decoded<Value>) : keep(bytes, decode(bytes));
    },
    remember(bytes, value) {
      keep(bytes, { kind: 'decoded', value });
    },
  };
}

const inputs = decodeOnce(decodeTradingInput);
const updates = decodeOnce(decodeOrderUpdate);
const trades = decodeOnce(decodeTradeExecuted);
const entries = decodeOnce(decodeLedgerEntry);
const states = decodeOnce(decodeAccountStateEntity);

/** For the price cache and the price sequencer. */
export const { read: readMarketEvent, remember: rememberMarketEvent } = decodeOnce(decodeMarketEvent);
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
