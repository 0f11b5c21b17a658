import { createSecretKey, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const KEY_BYTES = 32;

/**
 * The key that a secret gives for one purpose: the same in every process, for ever. An object of the crypto module and not
 * bytes, with which each use would take five times as long from Node.js 24 on.
 */
export function derivedKey(secret: string | KeyObject, purpose: string): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync('sha256', secret, '', `temporal-http-tasks ledger ${purpose} v1`, KEY_BYTES)),
  );
}
