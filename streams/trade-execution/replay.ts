/**
 * Runs a partition's recorded inputs through the core again and compares everything that was committed: each output
 * byte for byte, and the state's hash at every record of `execution_heads`. Pure but for reading its source; `verify`
 * calls it, and it names the first difference.
 *
 * Venue commands are not compared: they lie in the partition of their symbol, among those of other accounts.
 */
import { decodeExecutionHead, type ExecutionHead } from '#domain/data/execution-head-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { applyInput, createPartition, type PartitionState, stateHash } from '#domain/trading/engine.ts';
import type { LogRecord, NewRecord, Position } from '#infrastructure/event-log/event-log.ts';
import { readValue } from '#infrastructure/event-log/read-records.ts';
import { OUTPUT_TOPICS, outputRecord } from './commit-records.ts';

export interface ReplaySource {
  readonly partition: number;
  /** Of `trade_orders`, from the start state on. */
  readonly inputs: AsyncIterable<LogRecord>;
  /** Of each output topic, from the start state on. */
  readonly outputs: ReadonlyMap<string, AsyncIterable<LogRecord>>;
  /** Of `execution_heads`, from the start state on. */
  readonly heads: AsyncIterable<LogRecord>;
  /** Where to begin; without it, at the beginning of the log. */
  readonly start?: { readonly state: PartitionState; readonly inputsApplied: number };
}

export interface ReplayDifference {
  readonly kind: 'different';
  readonly topic: string;
  readonly partition: number;
  /** Of the first record that differs; `null` when one is missing at the end. */
  readonly offset: number | null;
  /** A sentence. */
  readonly message: string;
  /** What the core says now, and what was recorded, as text; when these are what differs. */
  readonly expected?: string;
  readonly recorded?: string;
}

export type ReplayOutcome =
  | {
      readonly kind: 'same';
      readonly inputsApplied: number;
      readonly unreadableInputs: number;
      readonly outputsCompared: number;
      readonly headsCompared: number;
      /** After the last head; inputs behind it have not been executed yet. */
      readonly nextInputOffset: number;
      readonly stateHash: string;
      readonly state: PartitionState;
    }
  | ReplayDifference;

interface Progress {
  inputsApplied: number;
  unreadableInputs: number;
  outputsCompared: number;
  headsCompared: number;
  nextInputOffset: number;
}

export async function replay(source: ReplaySource): Promise<ReplayOutcome> {
  const state = source.start?.state ?? createPartition(source.partition);
  const inputs = new Cursor(source.inputs);
  const outputs = new Map(
    OUTPUT_TOPICS.map((topic) => [topic as string, new Cursor(source.outputs.get(topic) ?? nothing())]),
  );
  const progress: Progress = {
    inputsApplied: source.start?.inputsApplied ?? 0,
    unreadableInputs: 0,
    outputsCompared: 0,
    headsCompared: 0,
    nextInputOffset: 0,
  };
  for await (const record of source.heads) {
    const decoded = readValue(record, decodeExecutionHead);
    if (decoded.kind === 'unreadable') return differs(record, `This head cannot be read: ${decoded.reason}.`);
    const difference =
      (await applyUpTo(decoded.value, state, inputs, outputs, progress)) ??
      compareHead(record, decoded.value, state, progress);
    if (difference !== null) return difference;
  }
  for (const cursor of outputs.values()) {
    const extra = await cursor.peek();
    if (extra !== null)
      return differs(extra, 'This record was committed without a head: no input leads to it.');
  }
  return { kind: 'same', ...progress, stateHash: stateHash(state), state };
}

async function applyUpTo(
  head: ExecutionHead,
  state: PartitionState,
  inputs: Cursor,
  outputs: ReadonlyMap<string, Cursor>,
  progress: Progress,
): Promise<ReplayDifference | null> {
  for (;;) {
    const record = await inputs.peek();
    if (record === null || record.offset >= head.nextInputOffset) return null;
    await inputs.take();
    progress.nextInputOffset = record.offset + 1;
    const decoded = readValue(record, decodeTradingInput);
    if (decoded.kind === 'unreadable') {
      progress.unreadableInputs += 1;
      continue;
    }
    progress.inputsApplied += 1;
    for (const output of applyInput(state, decoded.value)) {
      const expected = outputRecord(output, record.partition);
      if (expected.topic === TOPIC.venueCommands) continue;
      const difference = await compareOutput(expected, record, outputs);
      if (difference !== null) return difference;
      progress.outputsCompared += 1;
    }
  }
}

async function compareOutput(
  expected: NewRecord,
  input: LogRecord,
  outputs: ReadonlyMap<string, Cursor>,
): Promise<ReplayDifference | null> {
  const recorded = (await outputs.get(expected.topic)?.take()) ?? null;
  if (recorded === null) {
    return {
      kind: 'different',
      topic: expected.topic,
      partition: input.partition,
      offset: null,
      message: `The input at offset ${input.offset} of ${input.topic} leads to a record that is missing here.`,
      expected: textOf(expected.value),
    };
  }
  if (recorded.key === expected.key && sameBytes(recorded.value, expected.value)) return null;
  return {
    ...differs(recorded, `The input at offset ${input.offset} of ${input.topic} leads to another record.`),
    expected: textOf(expected.value),
    recorded: textOf(recorded.value),
  };
}

function compareHead(
  record: LogRecord,
  head: ExecutionHead,
  state: PartitionState,
  progress: Progress,
): ReplayDifference | null {
  progress.headsCompared += 1;
  if (head.partition !== record.partition) return differs(record, 'This head is of another partition.');
  if (progress.nextInputOffset !== head.nextInputOffset) {
    const message = `This head follows the input before offset ${head.nextInputOffset}; the inputs reach ${progress.nextInputOffset}.`;
    return differs(record, message);
  }
  if (progress.inputsApplied !== head.inputsApplied) {
    const message = `This head counts ${head.inputsApplied} inputs; the replay applied ${progress.inputsApplied}.`;
    return differs(record, message);
  }
  const hash = stateHash(state);
  if (hash === head.stateHash) return null;
  return {
    ...differs(record, 'The state after the inputs up to this head has another hash.'),
    expected: hash,
    recorded: head.stateHash,
  };
}

function differs({ topic, partition, offset }: LogRecord, message: string): ReplayDifference {
  return { kind: 'different', topic, partition, offset, message };
}

function sameBytes(left: Uint8Array | null, right: Uint8Array | null): boolean {
  return left === null || right === null ? left === right : Buffer.compare(left, right) === 0;
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes).toString('utf8');
}

/** One record ahead of an iterable. */
class Cursor {
  readonly #iterator: AsyncIterator<LogRecord>;
  #ahead: LogRecord | null = null;

  constructor(records: AsyncIterable<LogRecord>) {
    this.#iterator = records[Symbol.asyncIterator]();
  }

  async peek(): Promise<LogRecord | null> {
    if (this.#ahead === null) {
      const next = await this.#iterator.next();
      this.#ahead = next.done === true ? null : next.value;
    }
    return this.#ahead;
  }

  async take(): Promise<LogRecord | null> {
    const record = await this.peek();
    this.#ahead = null;
    return record;
  }
}

async function* nothing(): AsyncGenerator<LogRecord> {}

const PAGE_RECORDS = 2_000;

/** What a replay needs of a log, an archive or an export. */
export interface RecordReader {
  read(from: Position, maxRecords: number): Promise<readonly LogRecord[]>;
}

/** The whole of a partition, read in pages. */
export function replaySource(reader: RecordReader, partition: number): ReplaySource {
  const all = (topic: string) => recordsOf(reader, { topic, partition, offset: 0 });
  return {
    partition,
    inputs: all(TOPIC.tradeOrders),
    outputs: new Map(OUTPUT_TOPICS.map((topic) => [topic, all(topic)])),
    heads: all(TOPIC.executionHeads),
  };
}

async function* recordsOf(reader: RecordReader, from: Position): AsyncGenerator<LogRecord> {
  let { offset } = from;
  for (;;) {
    const page = await reader.read({ ...from, offset }, PAGE_RECORDS);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    offset = last.offset + 1;
  }
}
