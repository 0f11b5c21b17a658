import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { SourceError, SourceUnavailableError } from './source';

/** Number of bytes that {@link foreignKind} needs. */
export const KIND_BYTES = 1024;

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** File kinds by their first bytes. */
const MAGIC: readonly (readonly [bytes: Buffer, kind: string])[] = [
  [latin1('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'), 'an old Office file, for example an Excel workbook (.xls)'],
  [latin1('%PDF'), 'a PDF file'],
  [latin1('{\\rtf'), 'an RTF file'],
  [latin1('\x28\xb5\x2f\xfd'), 'packed with zstd'],
  [latin1('\xfd7zXZ\x00'), 'packed with xz'],
  [latin1('\x04\x22\x4d\x18'), 'packed with lz4'],
  [latin1('7z\xbc\xaf\x27\x1c'), 'a 7z archive'],
  [latin1('Rar!\x1a\x07'), 'a RAR archive'],
  [latin1('\x1f\x9d'), 'packed with compress (.Z)'],
  [latin1('PAR1'), 'a Parquet file'],
  [latin1('Obj\x01'), 'an Avro file'],
  [latin1('SQLite format 3\x00'), 'an SQLite database'],
  [latin1('-----BEGIN PGP'), 'encrypted with PGP'],
];

/**
 * Returns what kind of file it is, as a phrase after "is", if it cannot be CSV or JSON Lines; otherwise undefined.
 *
 * @param start Its first {@link KIND_BYTES} bytes, or all of them.
 */
export function foreignKind(start: Buffer): string | undefined {
  const found = MAGIC.find(([bytes]) => start.subarray(0, bytes.length).equals(bytes));
  if (found) return found[1];
  const text = start.toString('latin1');
  if (/^PK(?:\x03\x04|\x05\x06|\x07\x08)/.test(text)) return zipKind(text);
  if (/^BZh[1-9]1AY&SY/.test(text)) return 'packed with bzip2';
  if (text.slice(257, 262) === 'ustar') return 'a tar archive';
  if (/^\s*<(?:!doctype\s+html|html|head|body|table|!--)/i.test(text))
    return 'an HTML page and not a user file; was a login or an error page saved instead of the file?';
  if (/^\s*<(?:\?xml|[a-z])/i.test(text)) return 'XML';
  return undefined;
}

function zipKind(text: string): string {
  if (/\[Content_Types\]\.xml|xl\/|_rels\//.test(text)) return 'an Office file, for example an Excel workbook (.xlsx)';
  if (/mimetypeapplication\/vnd\.oasis\.opendocument/.test(text)) return 'an OpenDocument file';
  return 'a zip archive';
}

/** Returns the encoding that zero bytes indicate in a text without a byte order mark, or undefined. */
export function wideEncoding(start: Buffer): 'UTF-16LE' | 'UTF-16BE' | 'UTF-32' | undefined {
  if (start.length < 4) return undefined;
  const zeros = [0, 1, 2, 3].map((at) => start[at] === 0);
  if (zeros.filter(Boolean).length === 3) return 'UTF-32';
  if (!zeros[0] && zeros[1] && !zeros[2] && zeros[3]) return 'UTF-16LE';
  if (zeros[0] && !zeros[1] && zeros[2] && !zeros[3]) return 'UTF-16BE';
  return undefined;
}

/** Returns whether bytes begin like gzip. */
export function isGzip(start: Buffer): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

/**
 * Unpacks gzip with one or more members. As in `gunzip`, zero bytes up to the end of the file are padding.
 *
 * Node.js's decoder may end before the file does: it ends at a zero byte after a member and drops the rest. So each
 * chunk is tracked until the decoder has consumed it, and the unconsumed rest is checked.
 *
 * @throws SourceError for corrupt or truncated gzip, and for anything but padding after its end.
 */
export async function* gunzipped(
  packed: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // A chunk that the decoder still holds when it is destroyed is never confirmed.
  const closed = new Promise<void>((resolve) => gunzip.once('close', resolve));
  const fed = feed(gunzip, packed, closed);
  // Awaited below. Until then a rejection must not count as unhandled.
  fed.catch(() => gunzip.destroy());
  try {
    // If it were destroyed at its early end, the decoder could not report how much it consumed.
    for await (const chunk of gunzip.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
    await fed;
  } catch (error) {
    // If the source itself failed and only therefore the decoder was destroyed, this throws the source's error.
    await fed;
    throw isZlibError(error) ? new SourceError('file', 'is corrupt or truncated gzip; users may be missing.') : error;
  } finally {
    gunzip.destroy();
    await packed.return(undefined);
    await fed.catch(() => undefined);
  }
}

async function feed(
  gunzip: Gunzip,
  packed: AsyncGenerator<Buffer, void, undefined>,
  closed: Promise<void>,
): Promise<void> {
  let written = 0;
  let ended = false;
  for await (const chunk of packed) {
    if (ended) {
      requireZeros(chunk);
      continue;
    }
    if (gunzip.errored) return;
    const taken = new Promise<void>((resolve) => gunzip.write(chunk, () => resolve()));
    await Promise.race([taken, closed]);
    if (gunzip.errored) return;
    written += chunk.length;
    const left = written - gunzip.bytesWritten;
    // The reader stopped in the middle of a chunk.
    if (gunzip.destroyed && !gunzip.readableEnded) return;
    ended = left > 0;
    if (ended) requireZeros(chunk.subarray(chunk.length - left));
  }
  if (!ended) gunzip.end();
}

function requireZeros(bytes: Buffer): void {
  if (bytes.some((byte) => byte !== 0))
    throw new SourceError('file', 'is gzip with other data after its end; users may be missing.');
}

function isZlibError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('Z_');
}

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
 * @param input What {@link STANDARD_INPUT} stands for. @default that of this process
 * @throws SourceError when it cannot be opened, is corrupt or truncated, or is another kind of file, which the message
 * names.
 */
export async function* fileBytes(file: string, flags: string | number, input?: AsyncIterable<unknown>): Chunks {
  const raw = file === STANDARD_INPUT ? standardInput(input ?? process.stdin) : fileChunks(file, flags);
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

async function* standardInput(input: AsyncIterable<unknown>): Chunks {
  try {
    for await (const chunk of input) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as string, 'utf8');
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
