import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { LedgerSettingError } from '../setting-error';

/** Algorithm of a signed note: Ed25519. */
const ED25519 = 1;

const PEM = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g;

/** The Ed25519 keys that sign checkpoints: one, or two while one replaces the other. */
export class SealKeys {
  readonly #keys: readonly { secret: KeyObject; raw: Buffer }[];

  /**
   * @param text One or more PKCS#8 PEM blocks; undefined or empty for none.
   * @throws LedgerSettingError naming HTTP_TASKS_SEAL_KEY.
   */
  constructor(text: string | undefined) {
    const blocks = text === undefined || text.trim() === '' ? [] : (text.match(PEM) ?? []);
    const isWhole = text === undefined || text.replace(PEM, '').trim() === '';
    if (!isWhole) throw wrong('must be one or more PKCS#8 PEM blocks (BEGIN PRIVATE KEY) and nothing else');
    if (blocks.length > 2) throw wrong('must have at most two keys: the new one first, then the one it replaces');
    this.#keys = blocks.map(toKey);
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Returns the public keys as verifier keys of signed notes: `NAME+ID+KEY`. */
  verifierKeys(name: string): string[] {
    return this.#keys.map(({ raw }) => `${name}+${keyId(name, raw).toString('hex')}+${tagged(raw).toString('base64')}`);
  }

  /** Returns the signature lines of a signed note. @param body The text, with its last line break. */
  signatureLines(name: string, body: string): string {
    return this.#keys
      .map(({ secret, raw }) => {
        const signature = Buffer.concat([keyId(name, raw), sign(null, Buffer.from(body), secret)]);
        return `\u2014 ${name} ${signature.toString('base64')}\n`;
      })
      .join('');
  }
}

function toKey(pem: string): { secret: KeyObject; raw: Buffer } {
  let secret: KeyObject;
  try {
    secret = createPrivateKey(pem);
  } catch {
    throw wrong('is not a readable PKCS#8 PEM private key');
  }
  if (secret.asymmetricKeyType !== 'ed25519') throw wrong('must be an Ed25519 key');
  return { secret, raw: rawPublicKey(createPublicKey(secret)) };
}

/** Returns the 32 bytes of an Ed25519 public key. */
export function rawPublicKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

function tagged(raw: Buffer): Buffer {
  return Buffer.concat([Buffer.from([ED25519]), raw]);
}

function keyId(name: string, raw: Buffer): Buffer {
  return createHash('sha256').update(`${name}\n`).update(tagged(raw)).digest().subarray(0, 4);
}

function wrong(what: string): LedgerSettingError {
  return new LedgerSettingError('HTTP_TASKS_SEAL_KEY', `${what}. "http-tasks seal keygen" makes one.`);
}
