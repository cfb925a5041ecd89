/**
 * Market data files by way of DuckDB: each row is staged with its time and line, then read back in order.
 *
 *   file ─▶ (unpack) ─▶ lines of CSV, or rows of Parquet as lines ─▶ staged(time_ms, line, symbol, raw) ─▶ ORDER BY
 *
 * Staging is a file of its own in a folder that is emptied when the adapter opens, so that what a killed process
 * left behind goes away with the next start.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  DuckDBBlobVector,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
} from '@duckdb/node-api';
import { parseFeedTime } from '#domain/data/timestamp.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import {
  MARKET_FILE_COLUMNS,
  MAX_ROW_BYTES,
  type MarketFile,
  type MarketFileRow,
  type MarketFiles,
} from '../market-files.ts';
import { fileLines, isGzipped, unpackedStream } from './file-lines.ts';
import { type RowFormat, recogniseColumns, splitLine, takeApart } from './row-format.ts';

export interface DuckDbMarketFilesOptions {
  /** A folder of this adapter's own; emptied when it opens. */
  readonly directory: string;
  /** Of DuckDB's buffers while a file is sorted; what does not fit is spilled. Default 128. */
  readonly memoryLimitMb?: number;
}

/** Orders rows whose time cannot be read before all others. Below every timestamp. */
const NO_TIME_MS = -1_000_000_000_000_000;
const DIGEST_HEAD_BYTES = 1_048_576;
const DIGEST_TAIL_BYTES = 65_536;
const FLUSH_ROWS = 20_000;
/** Handed on together: what is made of the first ones is gone before the last ones are made. */
const ROWS_AT_ONCE = 256;
const COLUMNS_WANTED = Object.values(MARKET_FILE_COLUMNS)
  .map((columns) => columns.join(','))
  .join(' or ');

interface RawLine {
  readonly line: number;
  readonly bytes: Uint8Array;
  readonly tooLong: boolean;
}

/** A file after its head has been read: what it is, and how to get its rows. */
interface Recognised {
  readonly format: RowFormat;
  rows(connection: DuckDBConnection): AsyncIterable<RawLine>;
}

export async function openDuckDbMarketFiles(options: DuckDbMarketFilesOptions): Promise<MarketFiles> {
  const { directory, memoryLimitMb = 128 } = options;
  await rm(directory, { recursive: true, force: true });
  let opened = 0;
  return {
    async open(path) {
      opened += 1;
      const staging = join(directory, String(opened));
      await mkdir(staging, { recursive: true });
      try {
        const digest = await digestOf(path);
        return new StagedFile(path, digest, await recognise(path, staging), staging, memoryLimitMb);
      } catch (error) {
        await rm(staging, { recursive: true, force: true });
        throw asFileError(error, path);
      }
    },
  };
}

function asFileError(error: unknown, path: string): Error {
  if (error instanceof OperatingError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    return new OperatingError('MARKET_FILE_MISSING', `There is no file ${path} to replay.`, {
      retry: 'never',
      cause: error,
    });
  }
  const sentence =
    code === 'Z_BUF_ERROR'
      ? 'is cut off: its compression ends too early. Nothing of it was used; put the whole file there.'
      : `cannot be read: ${reasonOf(message)}.`;
  return new OperatingError('MARKET_FILE_UNREADABLE', `The file ${path} ${sentence}`, {
    retry: 'never',
    cause: error,
  });
}

/** DuckDB begins with the kind of error, and after the first line shows its query. */
function reasonOf(message: string): string {
  const [first = ''] = message.split('\n');
  return first.replace(/^[A-Z][A-Za-z ]* Error: /, '').replace(/\.$/, '');
}

function unrecognised(path: string, found: string): OperatingError {
  return new OperatingError(
    'MARKET_FILE_UNRECOGNISED',
    `The file ${path} is no market data that can be replayed: its header must name ${COLUMNS_WANTED}, and it ${found}.`,
    { retry: 'never' },
  );
}

async function digestOf(path: string): Promise<string> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256').update(`${size}:`);
    const head = Buffer.alloc(Math.min(size, DIGEST_HEAD_BYTES));
    const tail = Buffer.alloc(Math.min(size, DIGEST_TAIL_BYTES));
    await file.read(head, 0, head.length, 0);
    await file.read(tail, 0, tail.length, size - tail.length);
    return hash.update(head).update(tail).digest('hex').slice(0, 16);
  } finally {
    await file.close();
  }
}

async function recognise(path: string, staging: string): Promise<Recognised> {
  const stream = await unpackedStream(path);
  try {
    for await (const first of fileLines(stream, MAX_ROW_BYTES)) {
      if (first.bytes.toString('latin1', 0, 4) === 'PAR1') return await recogniseParquet(path, staging);
      const names = splitLine(first.bytes.toString('utf8').replace(/^\uFEFF/, ''));
      const format = names === null ? null : recogniseColumns(names);
      if (format === null) throw unrecognised(path, `begins with "${first.bytes.toString('utf8', 0, 100)}"`);
      return { format, rows: () => csvRows(path) };
    }
  } finally {
    stream.destroy();
  }
  throw unrecognised(path, 'is empty');
}

async function* csvRows(path: string): AsyncGenerator<RawLine> {
  for await (const { number, bytes, tooLong } of fileLines(await unpackedStream(path), MAX_ROW_BYTES)) {
    if (number > 1 && bytes.length > 0) yield { line: number, bytes, tooLong };
  }
}

/** DuckDB reads Parquet by random access, so a gzipped one is unpacked beside the staging file first. */
async function recogniseParquet(path: string, staging: string): Promise<Recognised> {
  let plain = path;
  if (await isGzipped(path)) {
    plain = join(staging, 'unpacked.parquet');
    await pipeline(await unpackedStream(path), createWriteStream(plain));
  }
  const instance = await DuckDBInstance.create(':memory:', DUCKDB_SETTINGS);
  try {
    const connection = await instance.connect();
    const described = await connection.runAndReadAll('DESCRIBE SELECT * FROM read_parquet($1)', [plain]);
    const columns = described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
    const format = recogniseColumns(columns.map(({ name }) => name));
    if (format === null)
      throw unrecognised(path, `has the columns ${columns.map(({ name }) => name).join(',')}`);
    const cells = columns.map(({ name, type }) => asText(`"${name.replaceAll('"', '""')}"`, type)).join(', ');
    return { format, rows: (reader) => parquetRows(reader, cells, plain) };
  } finally {
    instance.closeSync();
  }
}

/** A column of any type as the text that a CSV file would have. */
function asText(column: string, type: string): string {
  const time = type === 'DATE' || type.startsWith('TIMESTAMP');
  const text = time
    ? `strftime(make_timestamp(epoch_us(${column})), '%Y-%m-%dT%H:%M:%S.%gZ')`
    : `CAST(${column} AS VARCHAR)`;
  return `coalesce(${text}, '')`;
}

async function* parquetRows(
  connection: DuckDBConnection,
  cells: string,
  path: string,
): AsyncGenerator<RawLine> {
  const sql = `SELECT file_row_number, concat_ws(',', ${cells}) FROM read_parquet($1, file_row_number = true)`;
  const result = await connection.stream(sql, [path]);
  for await (const rows of result.yieldRows()) {
    for (const [row, text] of rows) {
      const bytes = Buffer.from(String(text), 'utf8');
      yield {
        line: Number(row) + 1,
        bytes: bytes.subarray(0, MAX_ROW_BYTES),
        tooLong: bytes.length > MAX_ROW_BYTES,
      };
    }
  }
}

const DUCKDB_SETTINGS = {
  threads: '1',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
} as const;

class StagedFile implements MarketFile {
  readonly kind: MarketFile['kind'];
  readonly digest: string;
  readonly #path: string;
  readonly #recognised: Recognised;
  readonly #staging: string;
  readonly #memoryLimitMb: number;
  #staged: Promise<{ readonly instance: DuckDBInstance; readonly connection: DuckDBConnection }> | null =
    null;

  constructor(path: string, digest: string, recognised: Recognised, staging: string, memoryLimitMb: number) {
    this.kind = recognised.format.kind;
    this.digest = digest;
    this.#path = path;
    this.#recognised = recognised;
    this.#staging = staging;
    this.#memoryLimitMb = memoryLimitMb;
  }

  async smallestGapMs(): Promise<number | null> {
    const { connection } = await this.#stage();
    const result = await connection.runAndReadAll(
      `SELECT min(gap) FROM (
         SELECT time_ms - lag(time_ms) OVER (PARTITION BY symbol ORDER BY time_ms) AS gap
         FROM staged WHERE time_ms > $1)
       WHERE gap > 0`,
      [BigInt(NO_TIME_MS)],
    );
    const gap = result.getRows()[0]?.[0] ?? null;
    return gap === null ? null : Number(gap);
  }

  async *read(fromTimeMs: number | null): AsyncGenerator<readonly MarketFileRow[]> {
    const { instance } = await this.#stage();
    const connection = await instance.connect();
    try {
      const result = await connection.stream(
        'SELECT time_ms, line, too_long, raw FROM staged WHERE time_ms >= $1 ORDER BY time_ms, line',
        [BigInt(fromTimeMs ?? NO_TIME_MS)],
      );
      for await (const chunk of result) yield* this.#rows(chunk);
    } catch (error) {
      throw asFileError(error, this.#path);
    } finally {
      connection.closeSync();
    }
  }

  async close(): Promise<void> {
    const staged = this.#staged;
    this.#staged = null;
    if (staged !== null) {
      const { instance } = await staged.catch(() => ({ instance: null }));
      instance?.closeSync();
    }
    await rm(this.#staging, { recursive: true, force: true });
  }

  /** Column by column: as rows of values of its own, each cell would be made three times. */
  *#rows(chunk: DuckDBDataChunk): Generator<readonly MarketFileRow[]> {
    const [times, lines, tooLong, raws] = [0, 1, 2, 3].map((column) => chunk.getColumnVector(column));
    assert(times && lines && tooLong && raws instanceof DuckDBBlobVector, 'the columns are those asked for');
    const { rowCount } = chunk;
    for (let from = 0; from < rowCount; from += ROWS_AT_ONCE) {
      const rows: MarketFileRow[] = [];
      for (let at = from; at < Math.min(from + ROWS_AT_ONCE, rowCount); at += 1) {
        const original = raws.getItem(at)?.bytes ?? new Uint8Array();
        rows.push(
          this.#row(
            Number(times.getItem(at)),
            Number(lines.getItem(at)),
            tooLong.getItem(at) === true,
            original,
          ),
        );
      }
      yield rows;
    }
  }

  #row(time: number, line: number, tooLong: boolean, original: Uint8Array): MarketFileRow {
    const timeMs = time === NO_TIME_MS ? null : time;
    const taken = tooLong
      ? ({ kind: 'trouble', trouble: `is longer than ${MAX_ROW_BYTES} bytes` } as const)
      : takeApart(original, this.#recognised.format);
    return taken.kind === 'cells'
      ? { line, timeMs, cells: taken.cells, trouble: null, original }
      : { line, timeMs, cells: [], trouble: taken.trouble, original };
  }

  #stage(): Promise<{ readonly instance: DuckDBInstance; readonly connection: DuckDBConnection }> {
    this.#staged ??= this.#stageAll().catch((error: unknown) => {
      this.#staged = null;
      throw asFileError(error, this.#path);
    });
    return this.#staged;
  }

  async #stageAll() {
    const database = join(this.#staging, 'staged.duckdb');
    await rm(database, { force: true });
    const instance = await DuckDBInstance.create(database, {
      ...DUCKDB_SETTINGS,
      memory_limit: `${this.#memoryLimitMb}MB`,
      temp_directory: `${database}.tmp`,
    });
    try {
      const connection = await instance.connect();
      await connection.run(
        'CREATE TABLE staged (time_ms BIGINT, line BIGINT, too_long BOOLEAN, symbol VARCHAR, raw BLOB)',
      );
      await this.#appendRows(instance, connection);
      return { instance, connection };
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  }

  async #appendRows(instance: DuckDBInstance, connection: DuckDBConnection): Promise<void> {
    const { format, rows } = this.#recognised;
    const appender = await connection.createAppender('staged');
    let unflushed = 0;
    for await (const { line, bytes, tooLong } of rows(await instance.connect())) {
      const taken = tooLong ? null : takeApart(bytes, format);
      const [symbol = '', time = ''] = taken?.kind === 'cells' ? taken.cells : [];
      appender.appendBigInt(BigInt(parseFeedTime(time) ?? NO_TIME_MS));
      appender.appendBigInt(BigInt(line));
      appender.appendBoolean(tooLong);
      appender.appendVarchar(symbol);
      appender.appendBlob(bytes);
      appender.endRow();
      unflushed += 1;
      if (unflushed < FLUSH_ROWS) continue;
      appender.flushSync();
      unflushed = 0;
    }
    appender.closeSync();
  }
}
