import type { KeyObject } from 'node:crypto';
import { FORMAT } from './payload-format';

/** A key of AES-256, and the id under which payloads name it. */
export interface EncryptionKey {
  id: string;
  key: KeyObject;
}

/** A key with what is the same for every payload that it encrypts. */
export interface RingKey extends EncryptionKey {
  /** Bound to each payload: opened as another format or under another id, it does not open. */
  bound: Buffer;
}

/** The keys of a process. The first encrypts, each decrypts, so that keys can be replaced one process at a time. */
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
