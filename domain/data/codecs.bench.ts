/** What a market event costs on its way through the wire: written, read, and read when it is not canonical. */
import type { Price, Quantity } from './decimal.ts';
import type { EventId, Symbol } from './identifiers.ts';
import type { MarketEvent } from './market-event.ts';
import { decodeMarketEvent, encodeMarketEvent } from './market-event-codec.ts';

export interface CodecBenchResult {
  readonly recordBytes: number;
  readonly encodeNs: number;
  readonly decodeNs: number;
  /** With a trace context, and so by way of `JSON.parse`. */
  readonly decodeGeneralNs: number;
}

const EVENTS = 1_000;
const ROUNDS = 9;

function eventAt(index: number): MarketEvent {
  return {
    eventId: `replay-ab12cd34ab12cd34:AAPL:${index + 1}` as EventId,
    symbol: 'AAPL' as Symbol,
    sequence: index + 1,
    price: (171_140_000_000n + BigInt(index) * 10_000_000n) as Price,
    feedTimestampMs: 1_549_895_400_000 + index * 250,
    bid: 171_130_000_000n as Price,
    bidSize: 300_000_000_000n as Quantity,
    ask: 171_150_000_000n as Price,
    askSize: 200_000_000_000n as Quantity,
    size: 100_000_000_000n as Quantity,
    volume: (BigInt(index + 1) * 100_000_000_000n) as Quantity,
  };
}

/** The best of several rounds: the others measure the machine's other work. */
function nanosecondsEach(calls: number, call: (index: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startMs = performance.now();
    for (let done = 0; done < calls; done += 1) call(done % EVENTS);
    best = Math.min(best, ((performance.now() - startMs) * 1e6) / calls);
  }
  return Math.round(best);
}

export function run(calls = 100_000): CodecBenchResult {
  const context = { sourceService: 'market-ingestion' };
  const traced = { ...context, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
  const events = Array.from({ length: EVENTS }, (_, index) => eventAt(index));
  const canonical = events.map((event) => encodeMarketEvent(event, context));
  const general = events.map((event) => encodeMarketEvent(event, traced));
  const empty = new Uint8Array();
  return {
    recordBytes: canonical[0]?.length ?? 0,
    encodeNs: nanosecondsEach(calls, (index) => encodeMarketEvent(events[index] ?? eventAt(index), context)),
    decodeNs: nanosecondsEach(calls, (index) => decodeMarketEvent(canonical[index] ?? empty)),
    decodeGeneralNs: nanosecondsEach(calls, (index) => decodeMarketEvent(general[index] ?? empty)),
  };
}

if (import.meta.main) console.log(JSON.stringify(run()));
