/**
 * Load on a fixed schedule: request n is due at n / rate, whether or not earlier ones were answered, and its latency
 * counts from when it was due. So a stall of the program, or of this process, is in the figures and cannot hide
 * (coordinated omission).
 */
import { build, type Histogram } from 'hdr-histogram-js';
import type { RawAnswer, RawClient } from './raw-http.ts';

export interface LoadOutcome {
  readonly sent: number;
  readonly answered: number;
  /** Other answers than the wanted one. */
  readonly refused: number;
  readonly achievedPerSecond: number;
  /** Microseconds. */
  readonly latency: Histogram;
}

export interface Load {
  readonly ratePerSecond: number;
  readonly seconds: number;
  readonly wantedStatus: number;
  /** The load is broken off, what is left counting as refused, when so many seconds' worth of requests wait in line. */
  readonly giveUpBehindSeconds?: number;
  request(index: number): Buffer;
  /** Called with each wanted answer, when it is of use. */
  onAnswer?(index: number, answer: RawAnswer): void;
}

const HIGHEST_US = 60_000_000;
const GRACE_MS = 10_000;
const US_PER_MS = 1_000;

export function latencyHistogram(): Histogram {
  return build({ highestTrackableValue: HIGHEST_US, numberOfSignificantValueDigits: 3 });
}

export function runOpenLoop(client: RawClient, load: Load): Promise<LoadOutcome> {
  const { ratePerSecond, seconds, wantedStatus, giveUpBehindSeconds = Number.POSITIVE_INFINITY } = load;
  const total = Math.round(ratePerSecond * seconds);
  const latency = latencyHistogram();
  const startedAt = performance.now();
  let sent = 0;
  let answered = 0;
  let refused = 0;
  let lastAnswerAt = startedAt;
  return new Promise((resolve) => {
    const finish = (): void => {
      const achievedPerSecond = (answered - refused) / ((lastAnswerAt - startedAt) / 1_000);
      resolve({ sent, answered, refused, achievedPerSecond, latency });
    };
    const sendDue = (): void => {
      const now = performance.now();
      const due = Math.min(total, Math.floor(((now - startedAt) * ratePerSecond) / 1_000) + 1);
      for (; sent < due; sent += 1) {
        const index = sent;
        const dueAt = startedAt + (index * 1_000) / ratePerSecond;
        client.send(load.request(index), (answer) => {
          lastAnswerAt = performance.now();
          answered += 1;
          latency.recordValue(Math.min(HIGHEST_US, Math.round((lastAnswerAt - dueAt) * US_PER_MS)));
          if (answer.status === wantedStatus) load.onAnswer?.(index, answer);
          else refused += 1;
        });
      }
      if (sent === total && answered === total) finish();
      // What is still unanswered long after the last was due counts as refused, with the time it has waited.
      else if (
        now - startedAt > seconds * 1_000 + GRACE_MS ||
        client.waiting > ratePerSecond * giveUpBehindSeconds
      ) {
        client.dropWaiting();
        for (let missing = answered; missing < total; missing += 1) latency.recordValue(GRACE_MS * US_PER_MS);
        refused += total - answered;
        finish();
      } else setTimeout(sendDue, 1);
    };
    sendDue();
  });
}

/** p50, p99, p99.9 and the highest, in ms. */
export function percentiles(latency: Histogram, prefix: string): Readonly<Record<string, number>> {
  const at = (percentile: number): number => latency.getValueAtPercentile(percentile) / US_PER_MS;
  return {
    [`${prefix}_p50_ms`]: at(50),
    [`${prefix}_p99_ms`]: at(99),
    [`${prefix}_p99_9_ms`]: at(99.9),
    [`${prefix}_max_ms`]: latency.maxValue / US_PER_MS,
  };
}
