import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  randomFillSync,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { TargetUser } from '../../policy/target-user';
import { derivedKey } from '../derived-key';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Number of nonces that are made together: each request for random bytes costs as much as half a row. */
const NONCES_TOGETHER = 1_024;
/** Length of a duplicate key in bytes. A collision is expected once in many billion sweeps of a million users. */
const DUPLICATE_KEY_BYTES = 12;
/** Maximum number of cached keys; a process works on few sweeps at a time. */
const MAX_OPEN_KEYS = 100;

/**
 * Creates and unwraps the keys of sweeps with a key derived from `HTTP_TASKS_SUBJECT_KEY`, and encrypts with another such
 * key what is kept when a sweep's own key is destroyed.
 */
export class SweepKeys {
  readonly #wrappingKey: KeyObject;
  readonly #labelKey: KeyObject;
  readonly #open = new Map<string, SweepKey>();

  constructor(subjectKey: string) {
    this.#wrappingKey = derivedKey(subjectKey, 'sweep keys');
    this.#labelKey = derivedKey(subjectKey, 'sweep labels');
  }

  /** Returns a new random key, encrypted, which is the only form in which it is stored. */
  create(sweepId: string): string {
    return encrypt(this.#wrappingKey, ['key', sweepId], randomBytes(KEY_BYTES));
  }

  /**
   * @param next A second key with which some rows are already encrypted; see rekey.ts. The same keys return the same
   * object.
   */
  open(sweepId: string, wrapped: string, next: string | null = null): SweepKey {
    const name = next === null ? wrapped : `${wrapped} ${next}`;
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN_KEYS) this.#open.clear();
    const key = createSecretKey(decrypt(this.#wrappingKey, ['key', sweepId], wrapped));
    const opened = new SweepKey(sweepId, key, next === null ? undefined : this.open(sweepId, next));
    this.#open.set(name, opened);
    return opened;
  }

  /** Encrypts a user's reference, bound to the sweep and seq. */
  encryptReference(sweepId: string, seq: number, reference: string): string {
    return this.encryptLabel(['reference', sweepId, seq], reference);
  }

  /** @throws When the text was changed, or belongs to another row, sweep or subject key. */
  decryptReference(sweepId: string, seq: number, text: string): string {
    return this.decryptLabel(['reference', sweepId, seq], text);
  }

  /** Encrypts a text for people, bound to what it is about. */
  encryptLabel(boundTo: readonly unknown[], text: string): string {
    return encrypt(this.#labelKey, boundTo, Buffer.from(text));
  }

  /** @throws When the text was changed, or is about something else, or belongs to another subject key. */
  decryptLabel(boundTo: readonly unknown[], text: string): string {
    return decrypt(this.#labelKey, boundTo, text).toString();
  }

  /** Removes a destroyed key from memory. */
  forget(wrapped: string): void {
    for (const name of this.#open.keys()) if (name.startsWith(wrapped)) this.#open.delete(name);
  }
}

/** The key that encrypts one sweep's IDs. */
export class SweepKey {
  readonly #sweepId: string;
  readonly #key: KeyObject;
  readonly #duplicates: KeyObject;
  readonly #next: SweepKey | undefined;

  /** @param next A key to try where this one does not match. */
  constructor(sweepId: string, key: KeyObject, next?: SweepKey) {
    this.#sweepId = sweepId;
    this.#key = key;
    this.#next = next;
    this.#duplicates = derivedKey(key, 'duplicates');
  }

  /** Encrypts a user's IDs, bound to the sweep and seq: moved to another row, the text cannot be decrypted. */
  encryptUser(seq: number, user: TargetUser): string {
    return encrypt(this.#key, ['user', this.#sweepId, seq], Buffer.from(JSON.stringify(user)));
  }

  /** @throws When the text was changed, or belongs to another row or sweep. */
  decryptUser(seq: number, text: string): TargetUser {
    return JSON.parse(this.#decrypted(['user', this.#sweepId, seq], text).toString()) as TargetUser;
  }

  /** Encrypts how far a user has come, bound like the user's IDs. */
  encryptProgress(seq: number, progress: unknown): string {
    return encrypt(this.#key, ['progress', this.#sweepId, seq], Buffer.from(JSON.stringify(progress)));
  }

  /** @throws When the text was changed, or belongs to another row or sweep. */
  decryptProgress(seq: number, text: string): unknown {
    return JSON.parse(this.#decrypted(['progress', this.#sweepId, seq], text).toString());
  }

  encryptPosition(position: string): string {
    return encrypt(this.#key, ['position', this.#sweepId], Buffer.from(position));
  }

  decryptPosition(text: string): string {
    return this.#decrypted(['position', this.#sweepId], text).toString();
  }

  #decrypted(boundTo: readonly unknown[], text: string): Buffer {
    try {
      return decrypt(this.#key, boundTo, text);
    } catch (error) {
      if (this.#next === undefined) throw error;
      return this.#next.#decrypted(boundTo, text);
    }
  }

  /** Returns a keyed hash that is specific to this sweep. */
  duplicateKey(parts: readonly unknown[]): string {
    const mac = createHmac('sha256', this.#duplicates).update(JSON.stringify(parts)).digest();
    return mac.subarray(0, DUPLICATE_KEY_BYTES).toString('base64url');
  }
}

const nonces = Buffer.alloc(NONCES_TOGETHER * NONCE_BYTES);
let nextNonce = nonces.length;

/** Returns random bytes that were never returned before; a copy, since the buffer is filled again. */
function freshNonce(): Buffer {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces);
    nextNonce = 0;
  }
  nextNonce += NONCE_BYTES;
  return Buffer.from(nonces.subarray(nextNonce - NONCE_BYTES, nextNonce));
}

function encrypt(key: KeyObject, boundTo: readonly unknown[], plain: Buffer): string {
  const nonce = freshNonce();
  const cipher = createCipheriv(CIPHER, key, nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(boundTo)));
  const first = cipher.update(plain);
  const last = cipher.final();
  return Buffer.concat([nonce, cipher.getAuthTag(), first, last]).toString('base64url');
}

function decrypt(key: KeyObject, boundTo: readonly unknown[], text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(JSON.stringify(boundTo)));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
