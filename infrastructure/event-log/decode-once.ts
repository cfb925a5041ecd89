/**
 * In one process several readers get the same record, as the very same bytes, within moments: the log hands out the
 * last ones from memory. What one of them has decoded the others take over. A memory of decoded bytes and nothing
 * else: bytes that are not the same object are decoded again, so a reader far behind or in another process is as well
 * off as without.
 */
import type { Decoded } from '#domain/data/decoded.ts';
import { decodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { decodeOrderUpdate, decodeTradeExecuted } from '#domain/data/trading-output-codec.ts';

type Decode<Value> = (bytes: Uint8Array) => Decoded<Value>;

interface Slot<Value> {
  readonly bytes: Uint8Array;
  readonly decoded: Decoded<Value>;
}

/** What tells records apart is early (the event's id) and late (amounts, times); some of those bytes choose the slot. */
const ID_FROM = 32;
const ID_TO = 80;
const END_BYTES = 24;

function sample(bytes: Uint8Array): number {
  let sum = bytes.length;
  const mix = (from: number, to: number): void => {
    for (let at = Math.max(0, from); at < to; at += 1) sum = (Math.imul(sum, 31) + (bytes[at] ?? 0)) | 0;
  };
  mix(ID_FROM, Math.min(ID_TO, bytes.length));
  mix(bytes.length - END_BYTES, bytes.length);
  return sum >>> 0;
}

/** `decode`, remembering the last `slots` or so of its answers. Whoever gets one shares it: values are never changed. */
export function decodeOnce<Value>(decode: Decode<Value>, slots: number): Decode<Value> {
  const remembered: (Slot<Value> | undefined)[] = new Array(slots).fill(undefined);
  return (bytes) => {
    const index = sample(bytes) % slots;
    const slot = remembered[index];
    if (slot?.bytes === bytes) return slot.decoded;
    const decoded = decode(bytes);
    remembered[index] = { bytes, decoded };
    return decoded;
  };
}

/** For the price cache and the price sequencer. */
export const readMarketEvent = decodeOnce(decodeMarketEvent, 8_192);
/** For the owners of all partitions, which get the same price batches, and the order index. */
export const readTradingInput = decodeOnce(decodeTradingInput, 1_024);
/** For the order index and account channels. */
export const readOrderUpdate = decodeOnce(decodeOrderUpdate, 1_024);
/** For history and analytics. */
export const readTradeExecuted = decodeOnce(decodeTradeExecuted, 1_024);
