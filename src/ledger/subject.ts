import { createSecretKey, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KeyedHash } from './keyed-hash';
import { LedgerSettingError } from './setting-error';

export { KeyedHash };

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

const MIN_KEY_LENGTH = 16;
const HASH_BYTES = 18;
/** Each three bytes are four characters of base64url. */
const HASH_CHARACTERS = (HASH_BYTES / 3) * 4;
/** Maximum number of services whose texts are in memory. */
const MOST_BEGINS = 100;
const HASH_SHAPE = /^[A-Za-z0-9_-]{24}$/;

/**
 * Turns provider IDs into keyed hashes, so that the ledger can recognise a user without storing an ID. The same key,
 * service, environment and ID always give the same hash, in every process.
 */
export interface SubjectHasher {
  /** Returns the hash of a user's ID at one service in one environment: 24 characters of base64url. */
  subject(service: string, environment: string, id: string): string;
  /**
   * Returns the hash of something a user owns, for example a Plaid Item. It always differs from the subject hash of the
   * same ID.
   */
  item(service: string, environment: string, id: string): string;
  /** Identifies the key without revealing it. The ledger stores it and refuses other keys. */
  readonly fingerprint: string;
}

/**
 * Derives one key per purpose from the text of `HTTP_TASKS_SUBJECT_KEY`. Nothing is read or written.
 *
 * @param subjectKey At least 16 random characters: with a guessed key, IDs could be tested against the hashes.
 * @throws LedgerSettingError when it is shorter. The message contains the length, never the key.
 */
export function createSubjectHasher(subjectKey: string): SubjectHasher {
  if (subjectKey.length < MIN_KEY_LENGTH) {
    throw new LedgerSettingError(
      'HTTP_TASKS_SUBJECT_KEY',
      `needs at least ${MIN_KEY_LENGTH} characters, and has ${subjectKey.length}. ` +
        'Use a long random text, for example from `openssl rand -base64 32`, and keep it: the ledger depends on it.',
    );
  }
  const subjects = new HashOfIds(derivedKey(subjectKey, 'subject'));
  const items = new HashOfIds(derivedKey(subjectKey, 'item'));
  return {
    subject: (service, environment, id) => subjects.of(service, environment, id),
    item: (service, environment, id) => items.of(service, environment, id),
    fingerprint: derivedKey(subjectKey, 'fingerprint').export().subarray(0, HASH_BYTES).toString('base64url'),
  };
}

/** Returns whether a text has the shape of a keyed hash. A guard against raw IDs, not a proof. */
export function isKeyedHash(text: string): boolean {
  return text.length === HASH_CHARACTERS && HASH_SHAPE.test(text);
}

/** Hashes (service, environment, ID), most of which have the same service and environment as the ones before. */
class HashOfIds {
  readonly #hash: KeyedHash;
  readonly #begins = new Map<string, { environment: string; begin: string }>();

  constructor(key: KeyObject) {
    this.#hash = new KeyedHash(key);
  }

  of(service: string, environment: string, id: string): string {
    let known = this.#begins.get(service);
    if (known?.environment !== environment) {
      known = { environment, begin: JSON.stringify([service, environment]).slice(0, -1) };
      if (this.#begins.size >= MOST_BEGINS) this.#begins.clear();
      this.#begins.set(service, known);
    }
    // The text of [service, environment, id]. JSON quotes every separator and escapes lone surrogates, which UTF-8 would
    // replace by the same character, so different tuples never give the same bytes.
    return this.#hash.of(`${known.begin},${JSON.stringify(id)}]`, HASH_CHARACTERS);
  }
}
