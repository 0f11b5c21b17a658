import type { IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

/** A body as text, or why it cannot be decoded. */
type DecodedBody = { text: string } | { what: 'tooLarge' | 'unknownEncoding' | 'corrupt' };

const ZLIB_METHOD = 8;

/** Maximum number of nested content encodings; a legitimate response has fewer. */
const MOST_ENCODINGS = 3;

/**
 * Decompresses and decodes a complete body by its `content-encoding` and `charset`. A byte order mark takes precedence
 * over the charset and is removed; an unknown charset is read as UTF-8.
 *
 * @param maxBytes Maximum size of the decompressed body.
 * @param asBase64 Returns the bytes as base64.
 */
export function decodeBody(
  bytes: Buffer,
  headers: IncomingHttpHeaders,
  { maxBytes, asBase64 }: { maxBytes: number; asBase64: boolean },
): DecodedBody {
  const encodings = encodingsOf(headers);
  if (encodings.length === 0) return { text: asBase64 ? bytes.toString('base64') : textOf(bytes, headers) };
  if (encodings.length > MOST_ENCODINGS) return { what: 'unknownEncoding' };
  let unpacked = bytes;
  try {
    // An empty body is not compressed, whatever its header says.
    if (bytes.length > 0) for (const encoding of encodings.reverse()) unpacked = unpack(unpacked, encoding, maxBytes);
  } catch (error) {
    if (error instanceof UnknownEncoding) return { what: 'unknownEncoding' };
    return { what: (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'tooLarge' : 'corrupt' };
  }
  return { text: asBase64 ? unpacked.toString('base64') : textOf(unpacked, headers) };
}

class UnknownEncoding extends Error {}

/** Returns the encodings in the order in which they were applied. */
function encodingsOf(headers: IncomingHttpHeaders): string[] {
  const header: unknown = headers['content-encoding'];
  const text = Array.isArray(header) ? header.join(',') : typeof header === 'string' ? header : '';
  return text
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '' && one !== 'identity');
}

function unpack(bytes: Buffer, encoding: string, maxOutputLength: number): Buffer {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return whole(gunzipSync, bytes, maxOutputLength);
    case 'deflate':
      // Servers send both the zlib format, which RFC 9110 specifies, and raw deflate.
      return whole(((bytes[0] ?? 0) & 0x0f) === ZLIB_METHOD ? inflateSync : inflateRawSync, bytes, maxOutputLength);
    case 'br':
      return whole(brotliDecompressSync, bytes, maxOutputLength);
    default:
      throw new UnknownEncoding();
  }
}

/**
 * Decompresses a whole body. Node.js stops at the end of the compressed stream, of gzip at a zero byte after a member.
 * Anything after it must be padding too, or part of the body would be missing.
 */
function whole(decompress: typeof gunzipSync, bytes: Buffer, maxOutputLength: number): Buffer {
  const { buffer, engine } = decompress(bytes, { maxOutputLength, info: true }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  if (bytes.subarray(engine.bytesWritten).some((byte) => byte !== 0))
    throw new Error('There is data after the end of the compressed stream.');
  return buffer;
}

function textOf(bytes: Buffer, headers: IncomingHttpHeaders): string {
  const named = markOf(bytes) ?? charsetOf(headers);
  if (named === undefined) return bytes.toString('utf8');
  const decoder = decoderFor(named);
  if (!decoder) return bytes.toString('utf8');
  // Some releases of Node.js decode windows-1252 as Latin-1 unless it is a stream: "Ž" and "€" would be control characters.
  return decoder.decode(bytes, { stream: true }) + decoder.decode();
}

/** Returns the encoding that a byte order mark names. */
function markOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

function charsetOf(headers: IncomingHttpHeaders): string | undefined {
  const charset = /;\s*charset\s*=\s*"?([^";,\s]+)/i.exec(headers['content-type'] ?? '')?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset) ? undefined : charset;
}

function decoderFor(charset: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined;
  }
}
