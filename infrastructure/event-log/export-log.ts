/** Writes a log at rest to a file (export-format.ts). The file appears under its name only when it is whole. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { EXPORT_FORMAT, EXPORT_VERSION, type ExportLine } from './export-format.ts';
import type { LogArchive } from './log-archive.ts';
import { hashToText } from './seal.ts';

/** Called now and then with how many records are done. */
export type Progress = (records: number) => void;

const CHUNK_CHARACTERS = 256 * 1024;
const PROGRESS_EVERY = 10_000;

function* lines(archive: LogArchive): Generator<ExportLine> {
  for (const body of archive.topics())
    yield { kind: 'topic', body: { ...body, cleanup: { ...body.cleanup } } };
  for (const { chainHash, ...rest } of archive.partitions()) {
    yield { kind: 'partition', body: { ...rest, chainHash: hashToText(chainHash) } };
  }
  for (const { chainHash, ...rest } of archive.heads() ?? []) {
    yield { kind: 'head', body: { ...rest, chainHash: hashToText(chainHash) } };
  }
  for (const body of archive.groupPositions()) yield { kind: 'position', body };
  for (const body of archive.producerEpochs()) yield { kind: 'producer', body };
  for (const place of archive.partitions()) {
    for (const { value, ...rest } of archive.records(place)) {
      yield {
        kind: 'record',
        body: { ...rest, value: value === null ? null : Buffer.from(value).toString('base64') },
      };
    }
  }
}

async function* chunks(
  lines: Iterable<ExportLine> | AsyncIterable<ExportLine>,
  progress: Progress,
): AsyncGenerator<string> {
  const digest = createHash('sha256');
  let records = 0;
  let chunk = `${JSON.stringify({ format: EXPORT_FORMAT, version: EXPORT_VERSION })}\n`;
  for await (const { kind, body } of lines) {
    chunk += `${JSON.stringify({ [kind]: body })}\n`;
    if (kind === 'record') {
      records += 1;
      if (records % PROGRESS_EVERY === 0) progress(records);
    }
    if (chunk.length < CHUNK_CHARACTERS) continue;
    digest.update(chunk);
    yield chunk;
    chunk = '';
  }
  digest.update(chunk);
  yield `${chunk}${JSON.stringify({ end: { records, sha256: digest.digest('hex') } })}\n`;
  progress(records);
}

export function exportLog(archive: LogArchive, file: string, progress: Progress = () => {}): Promise<void> {
  return writeExport(lines(archive), file, progress);
}

/** `lines` in the order of the format. */
export async function writeExport(
  lines: Iterable<ExportLine> | AsyncIterable<ExportLine>,
  file: string,
  progress: Progress = () => {},
): Promise<void> {
  const partial = `${file}.partial`;
  try {
    const source = Readable.from(chunks(lines, progress));
    const target = createWriteStream(partial, { flush: true, mode: 0o600 });
    if (file.endsWith('.gz')) await pipeline(source, createGzip(), target);
    else await pipeline(source, target);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof OperatingError) throw error;
    if (error instanceof Error && 'code' in error) {
      throw new OperatingError(
        'LOG_EXPORT_FAILED',
        `The log could not be written to ${file}: ${error.message}`,
        {
          retry: 'retry',
          cause: error,
        },
      );
    }
    throw error;
  }
}
