import { createSecretKey, randomBytes } from 'node:crypto';
import type { EncryptionKey } from 'temporal-http-tasks/internal/codec/encryption-codec';

/** A fresh key under this id. */
export function freshKey(id: string): EncryptionKey {
  return { id, key: createSecretKey(randomBytes(32)) };
}
