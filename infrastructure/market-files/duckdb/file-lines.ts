/** The bytes of a file, unpacked when gzipped, and its lines with a bound on how long one may be. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

export async function isGzipped(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

/** An error of the file or of its compression ends the returned stream with that error. */
export async function unpackedStream(path: string): Promise<Readable> {
  const packed = createReadStream(path);
  const unpacker = (await isGzipped(path)) ? createGunzip() : passThrough();
  packed.on('error', (error) => unpacker.destroy(error));
  unpacker.on('close', () => packed.destroy());
  return packed.pipe(unpacker);
}

function passThrough(): Transform {
  return new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });
}

export interface FileLine {
  /** From 1. */
  readonly number: number;
  /** Without its line break; cut at the bound. */
  readonly bytes: Buffer;
  readonly tooLong: boolean;
}

/** The lines of `stream`. What lies beyond `maxBytes` of a line is read past and dropped. */
export async function* fileLines(stream: Readable, maxBytes: number): AsyncGenerator<FileLine> {
  let number = 1;
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let tooLong = false;

  function keep(piece: Buffer): void {
    const room = maxBytes - keptBytes;
    if (piece.length > room) tooLong = true;
    if (room <= 0 || piece.length === 0) return;
    const part = piece.subarray(0, room);
    kept.push(part);
    keptBytes += part.length;
  }

  function take(): FileLine {
    const [only] = kept;
    const whole = kept.length === 1 && only !== undefined ? only : Buffer.concat(kept);
    const bytes = whole.at(-1) === CARRIAGE_RETURN ? whole.subarray(0, -1) : whole;
    const line = { number, bytes, tooLong };
    number += 1;
    kept = [];
    keptBytes = 0;
    tooLong = false;
    return line;
  }

  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (kept.length > 0) yield take();
}
