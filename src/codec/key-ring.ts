import type { KeyObject } from 'node:crypto';
import { FORMAT } from './payload-format';

/** An AES-256 key and the ID by which payloads refer to it. */
export interface EncryptionKey {
  id: string;
  key: KeyObject;
}

/** A key with the additional data for every payload that it encrypts. */
export interface RingKey extends EncryptionKey {
  /** Additional authenticated data: a payload with another format or key ID cannot be decrypted. */
  bound: Buffer;
}

/** The keys of a process. The first encrypts and all decrypt, so that keys can be rotated one process at a time. */
export class KeyRing {
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
