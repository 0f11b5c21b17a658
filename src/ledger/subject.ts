import { createHmac } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { derivedKey } from './derived-key';
import { LedgerSettingError } from './setting-error';

const SHORTEST_KEY = 16;
const HASH_BYTES = 18;
const HASH_SHAPE = /^[A-Za-z0-9_-]{24}$/;

/**
 * Turns vendor ids into keyed hashes, so that the ledger can recognise a user without holding an id.
 * The same key, service, environment and id give the same hash in every process, for ever.
 */
export interface SubjectHasher {
  /** The hash of a user's id at one service in one environment: 24 characters of base64url. */
  subject(service: string, environment: string, id: string): string;
  /** The hash of something a user owns, for example a Plaid Item. Never equal to a subject's hash of the same id. */
  item(service: string, environment: string, id: string): string;
  /** Tells keys apart without giving the key away. The ledger keeps it and refuses another one. */
  readonly fingerprint: string;
}

/**
 * Derives one key per purpose from the text of `HTTP_TASKS_SUBJECT_KEY`. Nothing is read or written.
 *
 * @param subjectKey At least 16 characters; random, because whoever guesses it can test ids against the hashes.
 * @throws LedgerSettingError when it is shorter. The message tells the length, never the key.
 */
export function createSubjectHasher(subjectKey: string): SubjectHasher {
  if (subjectKey.length < SHORTEST_KEY) {
    throw new LedgerSettingError(
      'HTTP_TASKS_SUBJECT_KEY',
      `needs at least ${SHORTEST_KEY} characters, and has ${subjectKey.length}. ` +
        'Use a long random text, for example from `openssl rand -base64 32`, and keep it: the ledger depends on it.',
    );
  }
  const subjects = derivedKey(subjectKey, 'subject');
  const items = derivedKey(subjectKey, 'item');
  return {
    subject: (service, environment, id) => hash(subjects, service, environment, id),
    item: (service, environment, id) => hash(items, service, environment, id),
    fingerprint: derivedKey(subjectKey, 'fingerprint').export().subarray(0, HASH_BYTES).toString('base64url'),
  };
}

/** Whether a text has the shape of our hashes. A guard against raw ids, not a proof. */
export function isKeyedHash(text: string): boolean {
  return HASH_SHAPE.test(text);
}

function hash(key: KeyObject, service: string, environment: string, id: string): string {
  // JSON quotes every separator and escapes lone surrogates, which UTF-8 would fold into one replacement character:
  // two different tuples never give the same bytes.
  const tuple = JSON.stringify([service, environment, id]);
  return createHmac('sha256', key).update(tuple).digest().subarray(0, HASH_BYTES).toString('base64url');
}
