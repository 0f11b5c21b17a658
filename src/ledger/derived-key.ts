import { createSecretKey, hkdfSync } from 'node:crypto';
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
