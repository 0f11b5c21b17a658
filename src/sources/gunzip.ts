import { createGunzip } from 'node:zlib';
import type { Gunzip } from 'node:zlib';
import { SourceError } from './source';

const CHUNK_BYTES = 64 * 1024;

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
