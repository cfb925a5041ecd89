/**
 * A log on Kafka as a file (export-format.ts) or as its lines, which `verify` reads like any other. It is exported at rest: no
 * transaction may be open and everything must be sealed, so the services are stopped first, and what they left is
 * waited for and sealed here.
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogRecord, PartitionExtent, Position } from '../event-log.ts';
import type { ExportLine } from '../export-format.ts';
import { type Progress, writeExport } from '../export-log.ts';
import { chainHash, chainKey, decodeChainEntry, type Hash, hashToText, NO_HASH } from '../seal.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import type { KafkaEventLog } from './kafka-event-log.ts';
import { TRANSACTION_TIMEOUT_MS } from './kafka-settings.ts';

const RECORDS_PER_READ = 5_000;
const SEALING_MS = 20_000;
/** The broker gives up what a killed process left open after half of it. */
const SETTLING_MS = 2 * TRANSACTION_TIMEOUT_MS;

/** The topics must have been ensured. Throws `LOG_IN_USE` while another process seals the log. */
export async function exportKafkaLog(
  log: KafkaEventLog,
  file: string,
  progress: Progress = () => {},
): Promise<void> {
  await writeExport(linesOfKafkaLog(log), file, progress);
}

/** What such a file says, without the file. The topics must have been ensured. Throws `LOG_IN_USE` likewise. */
export async function* linesOfKafkaLog(log: KafkaEventLog): AsyncGenerator<ExportLine> {
  const isWhole =
    (await log.settled(SETTLING_MS)) && (await log.sealed(SEALING_MS)) && (await log.settled(SETTLING_MS));
  // A log whose seals do not hold cannot be sealed on: it is exported as it is, and `verify` names what is wrong.
  if (!isWhole && !log.sealsAreDamaged) {
    throw new OperatingError(
      'LOG_IN_USE',
      'Another process writes or seals this log: stop every instance on it first, and try again in a minute.',
      { retry: 'never' },
    );
  }
  const topics = await log.topics();
  const extents = (await Promise.all(topics.map(({ name }) => log.extents(name)))).flat();
  const chains = await lastOfChains(log, extents);
  for (const spec of topics) yield { kind: 'topic', body: { ...spec, cleanup: { ...spec.cleanup } } };
  for (const extent of extents) {
    const hash = chains.get(chainKey(extent.topic, extent.partition)) ?? NO_HASH;
    yield { kind: 'partition', body: { ...extent, chainHash: hashToText(hash) } };
  }
  for (const { chainHash: hash, ...rest } of log.heads()) {
    yield { kind: 'head', body: { ...rest, chainHash: hashToText(hash) } };
  }
  for (const group of await log.groups()) {
    for (const position of await log.committedPositions(group))
      yield { kind: 'position', body: { group, ...position } };
  }
  for (const extent of extents) {
    for await (const { value, ...rest } of recordsOf(log, extent)) {
      const text = value === null ? null : Buffer.from(value).toString('base64');
      yield { kind: 'record', body: { ...rest, value: text, check: null } };
    }
  }
}

async function* recordsOf(log: KafkaEventLog, extent: PartitionExtent): AsyncGenerator<LogRecord> {
  const { topic, partition } = extent;
  let from: Position = { topic, partition, offset: extent.firstOffset };
  while (from.offset < extent.nextOffset) {
    const records = await log.read(from, RECORDS_PER_READ);
    const last = records.at(-1);
    if (last === undefined) return;
    yield* records;
    from = { ...from, offset: last.offset + 1 };
  }
}

async function lastOfChains(
  log: KafkaEventLog,
  extents: readonly PartitionExtent[],
): Promise<ReadonlyMap<string, Hash>> {
  const last = new Map<string, Hash>();
  for (const seals of extents.filter(({ topic }) => topic === SEALS_TOPIC.name)) {
    for await (const { value } of recordsOf(log, seals)) {
      const entry = value === null ? null : decodeChainEntry(value);
      if (entry !== null && value !== null)
        last.set(chainKey(entry.topic, entry.partition), chainHash(value));
    }
  }
  return last;
}
