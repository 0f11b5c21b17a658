import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { foreignKind, KIND_BYTES, wideEncoding } from './file-kind';
import { gunzipped, isGzip } from './gunzip';
import { SourceError, SourceUnavailableError } from './source';

/** The path that means the process's standard input. A file with that name is `./-`. */
export const STANDARD_INPUT = '-';

const CHUNK_BYTES = 64 * 1024;
const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Codes of wrong names and missing permissions. Any other may be temporary, for example an unavailable network drive.
 */
const FINAL_CODES = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'ENXIO']);

type Chunks = AsyncGenerator<Buffer, void, undefined>;

/**
 * Returns the text of a file as UTF-8 without leading byte order marks: unpacked if it begins like gzip, and decoded if
 * a byte order mark says UTF-16. The file is always closed when the reader stops.
 *
 * @param file A path, or {@link STANDARD_INPUT}.
 * @param flags Flags of `open`.
 * @throws SourceError when it cannot be opened, is corrupt or truncated, or is another kind of file, which the message
 * names.
 */
export async function* fileBytes(file: string, flags: string | number): Chunks {
  const raw = file === STANDARD_INPUT ? standardInput() : fileChunks(file, flags);
  try {
    const [start, packed] = await withStart(raw, KIND_BYTES);
    refuseForeign(start);
    const bytes = isGzip(start) ? gunzipped(packed) : packed;
    try {
      yield* utf8(bytes);
    } finally {
      await bytes.return(undefined);
    }
  } finally {
    await raw.return(undefined);
  }
}

async function* utf8(bytes: Chunks): Chunks {
  const [start, all] = await withStart(bytes, KIND_BYTES);
  if (isGzip(start)) throw new SourceError('file', 'is gzip inside gzip; unpack it once.');
  refuseForeign(start);
  const text = wideText(start, all);
  let begun = false;
  for await (const chunk of text) {
    const rest: Buffer = begun ? chunk : withoutMarks(chunk);
    begun ||= rest.length > 0;
    if (rest.length > 0) yield rest;
  }
}

/** Returns the bytes unchanged, or UTF-16 converted to UTF-8. */
function wideText(start: Buffer, all: Chunks): Chunks {
  if (start.length >= 4 && start.readUInt32LE(0) === 0xfeff)
    throw new SourceError('file', 'is UTF-32; save it as UTF-8.');
  if (start[0] === 0xff && start[1] === 0xfe) return decoded(all, 'utf-16le');
  if (start[0] === 0xfe && start[1] === 0xff) return decoded(all, 'utf-16be');
  const encoding = wideEncoding(start);
  if (encoding !== undefined)
    throw new SourceError('file', `looks like ${encoding} without a byte order mark; save it as UTF-8.`);
  return all;
}

async function* decoded(chunks: Chunks, encoding: 'utf-16le' | 'utf-16be'): Chunks {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (chunk?: Buffer): Buffer => {
    try {
      return Buffer.from(chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true }), 'utf8');
    } catch {
      throw new SourceError('file', 'is corrupt or truncated UTF-16; users may be missing.');
    }
  };
  for await (const chunk of chunks) yield decode(chunk);
  yield decode();
}

/** Removes all leading marks, because programs may add a second one. */
function withoutMarks(chunk: Buffer): Buffer {
  let rest = chunk;
  while (rest.subarray(0, 3).equals(UTF8_MARK)) rest = rest.subarray(3);
  return rest;
}

function refuseForeign(start: Buffer): void {
  const kind = foreignKind(start);
  if (kind !== undefined) throw new SourceError('file', `is ${kind}. Save it as CSV or JSON Lines in UTF-8.`);
}

async function* fileChunks(file: string, flags: string | number): Chunks {
  const handle = await open(file, flags).catch((error: unknown) => fail(error));
  try {
    yield* chunksOf(handle);
  } finally {
    await handle.close();
  }
}

async function* standardInput(): Chunks {
  try {
    for await (const chunk of process.stdin)
      yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as string, 'utf8');
  } catch (error) {
    fail(error);
  }
}

async function* chunksOf(handle: FileHandle): Chunks {
  for (;;) {
    const { bytesRead, buffer } = await handle
      .read(Buffer.allocUnsafe(CHUNK_BYTES))
      .catch((error: unknown) => fail(error));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Returns the first bytes, and all bytes including these. */
async function withStart(chunks: Chunks, bytes: number): Promise<[Buffer, Chunks]> {
  let start: Buffer = Buffer.alloc(0);
  while (start.length < bytes) {
    const next = await chunks.next();
    if (next.done) break;
    start = start.length === 0 ? next.value : Buffer.concat([start, next.value]);
  }
  return [start, prepended(start, chunks)];
}

async function* prepended(start: Buffer, rest: Chunks): Chunks {
  try {
    if (start.length > 0) yield start;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Throws a typed error without the file system's own message, which contains the whole path. */
function fail(error: unknown): never {
  const code = codeOf(error) ?? 'unknown error';
  if (FINAL_CODES.has(code)) throw new SourceError('file', `cannot be read (${code}).`);
  throw new SourceUnavailableError(`The file cannot be read right now (${code}).`);
}
