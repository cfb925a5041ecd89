/** Reads the file of an exported log line by line, checking each (export-format.ts). */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import {
  EXPORT_LINES,
  EXPORT_VERSION,
  type ExportLine,
  HeaderLine,
  LINE_BYTES_MAX,
} from './export-format.ts';

const NEWLINE = 10;

function unreadable(file: string, lineNumber: number, rule: string, cause?: unknown): OperatingError {
  return new OperatingError('LOG_EXPORT_UNREADABLE', `${file}, line ${lineNumber}: ${rule}.`, {
    retry: 'never',
    cause,
  });
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

const UNOPENED: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
};

/** As a sentence, when the system does not let the file be read at all. */
function unopened(file: string, error: Error & { readonly code: unknown }): OperatingError | null {
  const reason = UNOPENED[String(error.code)];
  if (reason === undefined) return null;
  return new OperatingError(
    'LOG_EXPORT_UNREADABLE',
    `${file} ${reason}: name a file that \`tradehall export\` wrote.`,
    { retry: 'never', cause: error },
  );
}

/** Whole lines without their newline; a last line without one is refused as cut. */
async function* rawLines(file: string): AsyncGenerator<Buffer> {
  const gunzip = (await isGzip(file)) ? createGunzip() : null;
  // Only now: while nobody listens, its error would end the process.
  const read = createReadStream(file);
  // An error of the file must reach whoever reads the unzipped side.
  if (gunzip !== null) read.on('error', (error) => gunzip.destroy(error));
  const stream = gunzip === null ? read : read.pipe(gunzip);
  let pieces: Buffer[] = [];
  let pieceBytes = 0;
  let count = 0;
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk);
      let from = 0;
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
        count += 1;
        pieces.push(bytes.subarray(from, at));
        yield pieces.length === 1 ? (pieces[0] ?? bytes) : Buffer.concat(pieces);
        pieces = [];
        pieceBytes = 0;
        from = at + 1;
      }
      if (from === bytes.length) continue;
      pieces.push(bytes.subarray(from));
      pieceBytes += bytes.length - from;
      if (pieceBytes > LINE_BYTES_MAX)
        throw unreadable(file, count + 1, `a line has at most ${LINE_BYTES_MAX} bytes`);
    }
  } finally {
    read.destroy();
  }
  if (pieceBytes > 0) throw unreadable(file, count + 1, 'the line is cut; the file is incomplete');
}

interface Check<Body> {
  Check(value: unknown): value is Body;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

function checked<Body>(
  check: Check<Body>,
  body: unknown,
  kind: string,
  refuse: (rule: string) => OperatingError,
): Body {
  if (check.Check(body)) return body;
  const [first] = check.Errors(body);
  const field = `${kind}${(first?.instancePath ?? '').replaceAll('/', '.')}`;
  throw refuse(`${field} ${first?.message ?? 'is not of the documented shape'}`);
}

function parseLine(kind: string, body: unknown, refuse: (rule: string) => OperatingError): ExportLine {
  switch (kind) {
    case 'topic':
      return { kind, body: checked(EXPORT_LINES.topic, body, kind, refuse) };
    case 'partition':
      return { kind, body: checked(EXPORT_LINES.partition, body, kind, refuse) };
    case 'head':
      return { kind, body: checked(EXPORT_LINES.head, body, kind, refuse) };
    case 'position':
      return { kind, body: checked(EXPORT_LINES.position, body, kind, refuse) };
    case 'producer':
      return { kind, body: checked(EXPORT_LINES.producer, body, kind, refuse) };
    case 'record':
      return { kind, body: checked(EXPORT_LINES.record, body, kind, refuse) };
    default:
      throw refuse(`'${kind.slice(0, 40)}' is not a kind of line`);
  }
}

function onlyMember(text: string, refuse: (rule: string) => OperatingError): readonly [string, unknown] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuse('this is not JSON');
  }
  const members = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
  const [member] = members;
  if (member === undefined || members.length !== 1) throw refuse('a line is an object with one member');
  return member;
}

/** Yields every line but the first and the last, which it checks itself. Throws `LOG_EXPORT_UNREADABLE`. */
export async function* readExport(file: string): AsyncGenerator<ExportLine> {
  const digest = createHash('sha256');
  let number = 0;
  let records = 0;
  let ended = false;
  const refuse = (rule: string) => unreadable(file, number, rule);
  try {
    for await (const bytes of rawLines(file)) {
      number += 1;
      if (ended) throw refuse('nothing may follow the end');
      const text = bytes.toString('utf8');
      if (number === 1) {
        readHeader(text, refuse);
      } else {
        const [kind, body] = onlyMember(text, refuse);
        if (kind === 'end') {
          const end = checked(EXPORT_LINES.end, body, kind, refuse);
          if (end.records !== records)
            throw refuse(`it should hold ${end.records} records and holds ${records}`);
          if (end.sha256 !== digest.digest('hex'))
            throw refuse('the file was changed: its digest is another');
          ended = true;
          continue;
        }
        if (kind === 'record') records += 1;
        yield parseLine(kind, body, refuse);
      }
      digest.update(bytes).update('\n');
    }
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    if (error instanceof Error && 'code' in error)
      throw unopened(file, error) ?? unreadable(file, number + 1, error.message, error);
    throw error;
  }
  if (!ended) throw refuse('the end is missing; the file is incomplete');
}

function readHeader(text: string, refuse: (rule: string) => OperatingError): void {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuse('this is not an exported log');
  }
  if (!HeaderLine.Check(parsed)) throw refuse('this is not an exported log');
  if (parsed.version > EXPORT_VERSION)
    throw refuse(`format ${parsed.version} was written by a newer Tradehall`);
}
