import type { Env } from './env';
import { tracingSecrets } from './tracing-settings';

/** Name endings of settings that contain a credential, in upper case. A `_FILE` setting names a file instead. */
const CREDENTIAL =
  /(?:API_?KEYS?|SECRETS?|TOKENS?|PASSWORD|PASSWD|PASSPHRASE|PRIVATE_KEY|CLIENT_KEY_DATA|ACCESS_KEY(?:_ID)?|ENCRYPTION_KEYS?|SUBJECT_KEY|SEAL_KEY|AUTHORIZATION|CREDENTIALS?)$/;
/** Settings of which each may be a secret: those of `http.request`, and headers of the Temporal connection. */
const PREFIXED = /^(?:HTTP_TASKS_SECRET_[A-Z0-9_]+?(?<!_ORIGIN|_METHODS|_PATHS|_FILE)|TEMPORAL_GRPC_META_[A-Z0-9_]+)$/;
/**
 * Minimum length of a value. A shorter value is more likely a word than a credential, and would be removed from every
 * line that contains it.
 */
const MIN_CHARACTERS = 8;

/**
 * Returns the values of an environment that must not be logged, no matter which code reads them: settings whose name
 * ends like a credential's (such as `TEMPORAL_API_KEY`), passwords in URLs, and the headers with which spans are sent.
 */
export function environmentSecrets(env: Env): string[] {
  const values = Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value === '') return [];
    const key = name.toUpperCase();
    const own = CREDENTIAL.test(key) || PREFIXED.test(key) ? [value, value.trim(), ...withoutPrefix(value)] : [];
    return [...own, ...passwordsIn(value)];
  });
  return [...new Set([...values, ...tracingSecrets(env)])].filter((value) => value.length >= MIN_CHARACTERS);
}

/** Returns the keys in `Bearer KEY` and `NAME=KEY,NAME=KEY`, which are secret on their own too. */
function withoutPrefix(value: string): string[] {
  const entries = value.includes('=')
    ? value.split(',').map((entry) => entry.slice(entry.indexOf('=') + 1).trim())
    : [];
  return [...entries, ...(/^\s*(?:Bearer|Basic)\s+(\S+)/i.exec(value)?.slice(1) ?? [])];
}

function passwordsIn(value: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/]*@/i.test(value) || !URL.canParse(value)) return [];
  const { password } = new URL(value);
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
