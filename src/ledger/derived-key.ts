import { createHmac, createSecretKey, hash, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const KEY_BYTES = 32;

/**
 * Derives the key of one purpose from a secret; the result never changes, in any process. Returns a `KeyObject` because
 * raw bytes make each use five times slower since Node.js 24.
 */
export function derivedKey(secret: string | KeyObject, purpose: string): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync('sha256', secret, '', `temporal-http-tasks ledger ${purpose} v1`, KEY_BYTES)),
  );
}

/** Size of a block of SHA-256, and of its digest, in bytes. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Maximum size of a text that is hashed in place, in bytes; most have less than a hundred. */
const TEXT_BYTES = 1_024;
/** Maximum size of one UTF-16 code unit in UTF-8, in bytes. */
const UNIT_BYTES = 3;

/**
 * HMAC-SHA-256 of short texts under one key: two hashes over prepared blocks (RFC 2104), which takes a third of the time
 * of `createHmac`, because no object is created for each text.
 */
export class KeyedHash {
  readonly #key: KeyObject;
  /** The key for the inner hash, then the text. */
  readonly #inner: Buffer;
  /** The key for the outer hash, then the inner digest. */
  readonly #outer: Buffer;

  constructor(key: KeyObject) {
    this.#key = key;
    const bytes = key.export();
    if (bytes.length > BLOCK_BYTES) throw new RangeError(`A key has at most ${BLOCK_BYTES} bytes.`);
    this.#inner = padded(bytes, 0x36, TEXT_BYTES);
    this.#outer = padded(bytes, 0x5c, DIGEST_BYTES);
  }

  /** Returns the beginning of the hash, as base64url: four characters for each three bytes. */
  of(text: string, characters: number): string {
    if (text.length * UNIT_BYTES > TEXT_BYTES)
      return createHmac('sha256', this.#key).update(text).digest('base64url').slice(0, characters);
    const end = BLOCK_BYTES + this.#inner.write(text, BLOCK_BYTES);
    // A digest as text costs a third of one as a buffer.
    this.#outer.write(hash('sha256', this.#inner.subarray(0, end), 'binary'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, 'base64url').slice(0, characters);
  }
}

function padded(key: Buffer, pad: number, rest: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES + rest, pad);
  for (const [index, byte] of key.entries()) block[index] = byte ^ pad;
  return block;
}
