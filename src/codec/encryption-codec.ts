import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

/** The `encoding` of an encrypted payload, as in Temporal's samples and UI. */
const ENCRYPTED = 'binary/encrypted';

/** Identifies this package's encryption format. Any change to the format needs another name. */
const FORMAT = 'temporal-http-tasks/1';

/** Metadata keys of an encrypted payload, which are not encrypted. */
const METADATA = {
  encoding: 'encoding',
  format: 'encryption-format',
  keyId: 'encryption-key-id',
  nonce: 'encryption-nonce',
} as const;

/** Returns a metadata value of a payload as text. */
function metadataText({ metadata }: Payload, name: string): string | undefined {
  const bytes = metadata?.[name];
  return bytes ? Buffer.from(bytes).toString('utf8') : undefined;
}

/** Returns whether a payload is marked as encrypted, by this package or another codec. */
export function isEncrypted(payload: Payload): boolean {
  return metadataText(payload, METADATA.encoding) === ENCRYPTED;
}

/** An AES-256 key and the ID by which payloads refer to it. */
export interface EncryptionKey {
  id: string;
  key: KeyObject;
}

/** A key with the additional data for every payload that it encrypts. */
interface RingKey extends EncryptionKey {
  /** Additional authenticated data: a payload with another format or key ID cannot be decrypted. */
  bound: Buffer;
}

/** The keys of a process. The first encrypts and all decrypt, so that keys can be rotated one process at a time. */
class KeyRing {
  readonly first: RingKey;
  readonly #keys: ReadonlyMap<string, RingKey>;

  constructor(keys: readonly EncryptionKey[]) {
    const ring = keys.map(({ id, key }) => ({ id, key, bound: Buffer.from(`${FORMAT}\0${id}`) }));
    const [first] = ring;
    if (!first) throw new TypeError('Encryption needs at least one key.');
    this.first = first;
    this.#keys = new Map(ring.map((key) => [key.id, key]));
  }

  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  find(id: string): RingKey | undefined {
    return this.#keys.get(id);
  }
}

const { Payload: PayloadMessage } = temporal.api.common.v1;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Key IDs from payloads that may be shown in messages. */
const PRINTABLE_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** A payload cannot be decrypted. The message names the key's ID and contains no part of the payload. */
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
function isSealed(payload: Payload): boolean {
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

/**
 * Encrypts every payload sent to Temporal and decrypts those read from it. Other payloads pass unchanged: a history may
 * begin in plain text, and a host's own codec may have encrypted it.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #ring: KeyRing;

  /** @param keys The first encrypts, all decrypt. */
  constructor(keys: readonly EncryptionKey[]) {
    this.#ring = new KeyRing(keys);
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => seal(payload, this.#ring.first));
  }

  /** @throws UndecryptableError, which names the key's ID. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isSealed(payload) ? open(payload, this.#ring) : payload));
  }
}
