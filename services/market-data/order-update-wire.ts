/** An `order_updates` record as clients get it: the payload as the log has it, with the event's id, time and sequence. */
import type { Decoded } from '#domain/data/decoded.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { readOrderUpdate } from '#infrastructure/event-log/decode-once.ts';
import type { WireUpdate } from './socket/account-channel.ts';

const decoder = new TextDecoder();

export function readWireUpdate(bytes: Uint8Array): Decoded<WireUpdate> {
  const decoded = readOrderUpdate(bytes);
  if (decoded.kind === 'unreadable') return decoded;
  const { eventId, timeMs, sequence } = decoded.value;
  // Parsed again rather than written anew from the decoded update, so that fields added later pass through.
  const { payload } = JSON.parse(decoder.decode(bytes)) as { readonly payload: object };
  const json = JSON.stringify({ ...payload, eventId, eventTimestamp: formatTimestamp(timeMs), sequence });
  return { kind: 'decoded', value: { sequence, json } };
}
