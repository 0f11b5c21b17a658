import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Env } from './env';
import { ProblemList, readChoice, readText, Secret } from './env';

const KEY_SETTING = 'HTTP_TASKS_ENCRYPTION_KEY';
const PLAINTEXT_SETTING = 'HTTP_TASKS_ENCRYPTION_PLAINTEXT';

/** The ID of a key that was given without one. */
export const DEFAULT_KEY_ID = 'default';

/** Key IDs are shorter than any key in base64, so that a key given in place of an ID is not accepted as one. */
const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/** 32 bytes in base64 or base64url. */
const KEY = /^[A-Za-z0-9+/_-]{43}=?$/;

/** What a worker with keys does with a run whose input is not encrypted. */
export type PlaintextPolicy = 'accept' | 'refuse';

/** An AES-256 key and the ID with which payloads refer to it. */
export interface NamedKey {
  id: string;
  key: KeyObject;
}

/** The keys that encrypt payloads. Key values are never enumerable. */
export class EncryptionSettings {
  /** The first key encrypts, all keys decrypt; at least one. */
  readonly keys: readonly NamedKey[];
  readonly plaintext: PlaintextPolicy;
  readonly #texts: readonly string[];

  constructor(keys: readonly NamedKey[], plaintext: PlaintextPolicy, texts: readonly string[] = []) {
    this.keys = keys;
    this.plaintext = plaintext;
    this.#texts = texts;
  }

  /** Returns every key in text form, to search for them in what leaves the process. */
  secretValues(): string[] {
    const forms = this.keys.flatMap(({ key }) =>
      (['base64', 'base64url', 'hex'] as const).map((form) => key.export().toString(form)),
    );
    return [...new Set([...this.#texts, ...forms])];
  }
}

/**
 * Reads `HTTP_TASKS_ENCRYPTION_KEY` and `HTTP_TASKS_ENCRYPTION_PLAINTEXT`, and nothing else; undefined without a key.
 *
 * @throws SettingsError that lists every problem.
 */
export function readEncryptionSettings(env: Env): EncryptionSettings | undefined {
  const problems = new ProblemList();
  const encryption = readEncryption(env, problems);
  problems.finish({});
  return encryption;
}

/**
 * Reads the keys where encryption is required.
 *
 * @throws SettingsError that lists every problem, including a missing key.
 */
export function requireEncryptionSettings(env: Env): EncryptionSettings {
  const problems = new ProblemList();
  return problems.finish(readEncryption(env, problems, { required: true }));
}

/** Reads the encryption settings; if they are invalid, adds to `problems` and returns undefined. */
export function readEncryption(
  env: Env,
  problems: ProblemList,
  { required = false } = {},
): EncryptionSettings | undefined {
  const secret = Secret.read(env, KEY_SETTING, problems, { required, check: whyNotKeys });
  const plaintext = readPolicy(env, problems);
  if (!secret) return undefined;
  const entries = entriesOf(secret.value);
  const keys = entries.map(({ id, text }) => ({ id, key: createSecretKey(Buffer.from(text, 'base64')) }));
  return new EncryptionSettings(
    keys,
    plaintext,
    entries.map(({ text }) => text),
  );
}

function readPolicy(env: Env, problems: ProblemList): PlaintextPolicy {
  const policy = readChoice(env, PLAINTEXT_SETTING, problems);
  const hasKey = (readText(env, KEY_SETTING) ?? readText(env, `${KEY_SETTING}_FILE`)) !== undefined;
  if (!hasKey && readText(env, PLAINTEXT_SETTING) === policy) {
    problems.add(PLAINTEXT_SETTING, `is set, but ${KEY_SETTING} is not: without a key, nothing is encrypted.`);
  }
  return policy;
}

interface Entry {
  id: string;
  text: string;
}

function entriesOf(setting: string): Entry[] {
  if (!/[:,]/.test(setting)) return [{ id: DEFAULT_KEY_ID, text: setting.trim() }];
  return setting.split(',').map((entry) => {
    const at = entry.indexOf(':');
    return { id: entry.slice(0, Math.max(at, 0)).trim(), text: entry.slice(at + 1).trim() };
  });
}

/** Entries are named by position, because an ID may be a key on the wrong side of the colon. */
function whyNotKeys(setting: string): string | undefined {
  const form =
    'write one key (32 bytes in base64, as openssl rand -base64 32 prints), or id:key,id:key, of which the first encrypts and all decrypt.';
  const places = new Map<string, number>();
  for (const [index, { id, text }] of entriesOf(setting).entries()) {
    const place = index + 1;
    if (!KEY_ID.test(id))
      return `entry ${place} has no usable ID (1 to 32 letters, digits, ".", "_" or "-", then a colon); ${form}`;
    if (!KEY.test(text))
      return `the key of entry ${place} is not 32 bytes in base64, which are 43 or 44 characters; it has ${text.length} characters; ${form}`;
    const other = places.get(id);
    if (other !== undefined) return `entries ${other} and ${place} have the same ID; ${form}`;
    places.set(id, place);
  }
  return undefined;
}
