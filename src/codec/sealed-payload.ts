import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import type { KeyRing, RingKey } from './key-ring';
import { ENCRYPTED, FORMAT, isEncrypted, METADATA, metadataText } from './payload-format';

const { Payload: PayloadMessage } = temporal.api.common.v1;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Key IDs from payloads that may be shown in messages. */
const PRINTABLE_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** A payload cannot be decrypted. The message names the key's ID and contains nothing of the payload. */
export class UndecryptableError extends Error {
  override readonly name = 'UndecryptableError';
}

/**
 * Encrypts a whole payload including its metadata. The nonce is random, so a key should be replaced before 2^32 (about
 * four billion) payloads.
 */
export function seal(payload: Payload, { id, key, bound }: RingKey): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  const data = Buffer.concat([
    cipher.update(PayloadMessage.encode(payload).finish()),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return {
    metadata: {
      [METADATA.encoding]: Buffer.from(ENCRYPTED),
      [METADATA.format]: Buffer.from(FORMAT),
      [METADATA.keyId]: Buffer.from(id),
      [METADATA.nonce]: nonce,
    },
    data,
  };
}

/** Returns whether this package encrypted the payload. */
export function isSealed(payload: Payload): boolean {
  return isEncrypted(payload) && payload.metadata?.[METADATA.format] !== undefined;
}

/**
 * Decrypts a payload of {@link seal}.
 *
 * @throws UndecryptableError when its key is not in the ring, the key with its ID differs, or the payload was changed.
 */
export function open(payload: Payload, ring: KeyRing): Payload {
  const format = metadataText(payload, METADATA.format);
  if (format !== FORMAT)
    throw new UndecryptableError(
      `A payload is encrypted in another format than ${FORMAT}, the only one that this version supports.`,
    );
  const id = metadataText(payload, METADATA.keyId) ?? '';
  const key = ring.find(id);
  if (!key) throw new UndecryptableError(unknownKey(id, ring));
  try {
    return PayloadMessage.decode(decrypt(payload, key));
  } catch {
    throw new UndecryptableError(
      `The encryption key "${id}" of this process does not decrypt a payload encrypted under its ID: the keys differ, or the payload was changed.`,
    );
  }
}

function decrypt({ metadata, data }: Payload, { key, bound }: RingKey): Buffer {
  const nonce = metadata?.[METADATA.nonce] ?? new Uint8Array();
  const sealed = Buffer.from(data ?? []);
  if (nonce.length !== NONCE_BYTES || sealed.length < TAG_BYTES) throw new RangeError('truncated');
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
}

function unknownKey(id: string, { ids }: KeyRing): string {
  const named = PRINTABLE_ID.test(id) ? `the encryption key "${id}"` : 'an encryption key with an invalid ID';
  return `A payload needs ${named}, which this process does not have; it has ${ids.map((known) => `"${known}"`).join(', ')}. Add the key to HTTP_TASKS_ENCRYPTION_KEY.`;
}
