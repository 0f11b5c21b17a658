import type { Payload, PayloadCodec } from '@temporalio/common';
import { KeyRing } from './key-ring';
import type { EncryptionKey } from './key-ring';
import { isSealed, open, seal } from './sealed-payload';

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
