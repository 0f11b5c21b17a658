import { createGunzip } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { SourceError } from './source';

const CHUNK_BYTES = 64 * 1024;

/** Whether bytes begin as gzip does. */
export function isGzip(start: Buffer): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

/**
 * Unpacks gzip of one or more members. Zero bytes up to the end of the file are padding, as `gunzip` takes them.
 *
 * The end of the decoder is not the end of the file: Node.js's decoder ends early at a zero byte behind a member and
 * drops what it was not fed yet. So every chunk is followed until it is taken in, and what is left of one decides.
 *
 * @throws SourceError for gzip that is corrupt or truncated, or has anything but padding behind its end.
 */
export async function* gunzipped(
  packed: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // A chunk that the decoder still holds when it is given up is never confirmed.
  const closed = new Promise<void>((resolve) => gunzip.once('close', resolve));
  const fed = feed(gunzip, packed, closed);
  // Awaited below; until then a failure must not count as unhandled.
  fed.catch(() => gunzip.destroy());
  try {
    // Destroyed at its early end, the decoder could not be asked how much it took.
    for await (const chunk of gunzip.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
    await fed;
  } catch (error) {
    // The cause is the source's own failure where the decoder was only given up because of it.
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
    // Given up by the reader in the middle of a chunk.
    if (gunzip.destroyed && !gunzip.readableEnded) return;
    ended = left > 0;
    if (ended) requireZeros(chunk.subarray(chunk.length - left));
  }
  if (!ended) gunzip.end();
}

function requireZeros(bytes: Buffer): void {
  if (bytes.some((byte) => byte !== 0))
    throw new SourceError('file', 'is gzip with other data behind its end; users may be missing.');
}

function isZlibError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('Z_');
}
