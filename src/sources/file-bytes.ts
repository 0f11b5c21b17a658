import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { SourceError, SourceUnavailableError } from './source';

const CHUNK_BYTES = 64 * 1024;
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Mistakes of a name or of rights; anything else of the file system may pass, for example a network drive's absence. */
const FINAL_CODES = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG']);

/**
 * The bytes of a file, unpacked when they begin as gzip does, without a byte order mark. The file is closed when the
 * reader stops, however it does.
 *
 * @param flags For `open`.
 * @throws SourceError when it cannot be opened, is cut off or damaged inside its gzip, or is UTF-16.
 */
export async function* fileBytes(file: string, flags: string | number): AsyncGenerator<Buffer, void, undefined> {
  const handle = await open(file, flags).catch((error: unknown) => fail(error));
  try {
    const [start, packed] = await withStart(chunksOf(handle), 2);
    const bytes = isGzip(start) ? unzipped(packed) : packed;
    try {
      const [text, all] = await withStart(bytes, 3);
      refuseUtf16(text);
      let toSkip = text.subarray(0, 3).equals(UTF8_MARK) ? 3 : 0;
      for await (const chunk of all) {
        if (chunk.length > toSkip) yield chunk.subarray(toSkip);
        toSkip = 0;
      }
    } finally {
      await bytes.return(undefined);
    }
  } finally {
    await handle.close();
  }
}

async function* chunksOf(handle: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES)).catch((error: unknown) => fail(error));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Looks at the first bytes, and answers them together with all of them. */
async function withStart(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  bytes: number,
): Promise<[Buffer, AsyncGenerator<Buffer, void, undefined>]> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < bytes) {
    const next = await chunks.next();
    if (next.done) break;
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
  }
  return [start, prepended(start, chunks)];
}

async function* prepended(start: Buffer, rest: AsyncGenerator<Buffer, void, undefined>): AsyncGenerator<Buffer, void, undefined> {
  try {
    if (start.length > 0) yield start;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

async function* unzipped(packed: AsyncGenerator<Buffer, void, undefined>): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const fed = pipeline(Readable.from(packed, { objectMode: false }), gunzip);
  // Awaited below; until then a failure must not count as one that nobody looks at.
  fed.catch(() => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await fed;
  } catch (error) {
    throw isZlibError(error) ? new SourceError('file', 'is gzip that is damaged or cut off; nobody can tell who is missing.') : error;
  } finally {
    gunzip.destroy();
    await fed.catch(() => undefined);
  }
}

function isGzip(start: Buffer): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

function refuseUtf16(start: Buffer): void {
  const utf16 = (start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff);
  if (utf16) throw new SourceError('file', 'is UTF-16; save it as UTF-8.');
}

function isZlibError(error: unknown): boolean {
  return codeOf(error)?.startsWith('Z_') === true;
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The file system's own message holds the whole path. */
function fail(error: unknown): never {
  const code = codeOf(error) ?? 'unknown error';
  if (FINAL_CODES.has(code)) throw new SourceError('file', `cannot be read (${code}).`);
  throw new SourceUnavailableError(`The file cannot be read right now (${code}).`);
}
