import { derivedKey, KeyedHash } from './derived-key';
import { LedgerSettingError } from './setting-error';

const MIN_KEY_LENGTH = 16;
const HASH_BYTES = 18;
/** Each three bytes are four characters of base64url. */
const HASH_CHARACTERS = (HASH_BYTES / 3) * 4;
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
  const subjects = new KeyedHash(derivedKey(subjectKey, 'subject'));
  const items = new KeyedHash(derivedKey(subjectKey, 'item'));
  return {
    subject: (service, environment, id) => hash(subjects, service, environment, id),
    item: (service, environment, id) => hash(items, service, environment, id),
    fingerprint: derivedKey(subjectKey, 'fingerprint').export().subarray(0, HASH_BYTES).toString('base64url'),
  };
}

/** Returns whether a text has the shape of a keyed hash. A guard against raw IDs, not a proof. */
export function isKeyedHash(text: string): boolean {
  return HASH_SHAPE.test(text);
}

function hash(key: KeyedHash, service: string, environment: string, id: string): string {
  // JSON quotes every separator and escapes lone surrogates, which UTF-8 would replace by the same character, so
  // different tuples never give the same bytes.
  return key.of(JSON.stringify([service, environment, id]), HASH_CHARACTERS);
}
