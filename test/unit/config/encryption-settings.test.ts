import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  readEncryptionSettings,
  requireEncryptionSettings,
} from 'temporal-http-tasks/internal/config/encryption-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';

const KEY = randomBytes(32).toString('base64');
const OTHER = randomBytes(32).toString('base64url');

/** What is wrong, by setting. */
function problemsOf(read: () => unknown): Record<string, string> {
  try {
    read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return Object.fromEntries(error.problems.map(({ setting, message }) => [setting, message]));
  }
  return {};
}

function keysOf(env: Record<string, string>): [id: string, key: string][] {
  return readEncryptionSettings(env)!.keys.map(({ id, key }) => [id, key.export().toString('base64url')]);
}

describe('HTTP_TASKS_ENCRYPTION_KEY', () => {
  it('may be missing, unless encryption is requested', () => {
    expect(readEncryptionSettings({})).toBeUndefined();
    expect(problemsOf(() => requireEncryptionSettings({})).HTTP_TASKS_ENCRYPTION_KEY).toContain('is missing');
  });

  it('is one bare key, whose id is "default", or several by their ids, in their order', () => {
    const bytes = Buffer.from(KEY, 'base64').toString('base64url');
    expect(keysOf({ HTTP_TASKS_ENCRYPTION_KEY: KEY })).toEqual([['default', bytes]]);
    expect(keysOf({ HTTP_TASKS_ENCRYPTION_KEY: OTHER })).toEqual([['default', OTHER]]);
    expect(keysOf({ HTTP_TASKS_ENCRYPTION_KEY: `2026-a:${OTHER}, default:${KEY}` })).toEqual([
      ['2026-a', OTHER],
      ['default', bytes],
    ]);
  });

  it('may come from a file that ends with a line break', () => {
    const folder = mkdtempSync(join(tmpdir(), 'http-tasks-key-'));
    const file = join(folder, 'key');
    writeFileSync(file, `${OTHER}\n`);
    expect(keysOf({ HTTP_TASKS_ENCRYPTION_KEY_FILE: file })).toEqual([['default', OTHER]]);
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['a password', 'canary-password', 'entry 1'],
    ['a key of 16 bytes', randomBytes(16).toString('base64'), 'entry 1'],
    ['a key of 33 bytes', randomBytes(33).toString('base64'), 'entry 1'],
    ['a key in hex', randomBytes(32).toString('hex'), 'entry 1'],
    ['a second key without an id', `a:${KEY},${OTHER}`, 'entry 2'],
    ['a second key that is cut off', `a:${KEY},b:${OTHER.slice(0, 20)}`, 'entry 2'],
    ['a key where the id should be', `${OTHER}:canary`, 'entry 1'],
    ['an id with a space', `can ary:${KEY}`, 'entry 1'],
    ['an id that is too long', `${'canary'.repeat(6)}:${KEY}`, 'entry 1'],
    ['an empty entry', `a:${KEY},`, 'entry 2'],
    ['one id twice', `canary:${KEY},b:${KEY},canary:${OTHER}`, 'entries 1 and 3'],
  ])('refuses %s, naming setting, entry and what is allowed, and nothing of the value', (_, given, entry) => {
    const message = problemsOf(() =>
      readEncryptionSettings({ HTTP_TASKS_ENCRYPTION_KEY: given }),
    ).HTTP_TASKS_ENCRYPTION_KEY!;
    expect(message).toContain(entry);
    expect(message).toContain('id:key,id:key');
    expect(message).not.toContain('canary');
    for (const part of given.split(/[,:]/)) if (part.length > 4) expect(message).not.toContain(part);
  });

  it('shows no key when it is printed, and lists each form of it for scrubbing', () => {
    const settings = requireEncryptionSettings({ HTTP_TASKS_ENCRYPTION_KEY: `a:${KEY},b:${OTHER}` });
    const printed = `${inspect(settings, { depth: 20, showHidden: true })} ${JSON.stringify(settings)}`;
    const secrets = settings.secretValues();
    expect(secrets).toEqual(
      expect.arrayContaining([KEY, OTHER, createSecretKey(Buffer.from(KEY, 'base64')).export().toString('hex')]),
    );
    expect(secrets.filter((secret) => printed.includes(secret))).toEqual([]);
  });
});

describe('HTTP_TASKS_ENCRYPTION_PLAINTEXT', () => {
  it('is accept unless it says refuse', () => {
    const policyOf = (given?: string): unknown =>
      readEncryptionSettings({
        HTTP_TASKS_ENCRYPTION_KEY: KEY,
        ...(given && { HTTP_TASKS_ENCRYPTION_PLAINTEXT: given }),
      })?.plaintext;
    expect([policyOf(), policyOf('accept'), policyOf('refuse')]).toEqual(['accept', 'accept', 'refuse']);
  });

  it('refuses anything else, and refuses to be set without a key', () => {
    const wrong = problemsOf(() =>
      readEncryptionSettings({ HTTP_TASKS_ENCRYPTION_KEY: KEY, HTTP_TASKS_ENCRYPTION_PLAINTEXT: 'no' }),
    );
    expect(wrong.HTTP_TASKS_ENCRYPTION_PLAINTEXT).toBe('"no" is not valid; allowed: accept, refuse.');
    const alone = problemsOf(() => readEncryptionSettings({ HTTP_TASKS_ENCRYPTION_PLAINTEXT: 'refuse' }));
    expect(alone.HTTP_TASKS_ENCRYPTION_PLAINTEXT).toContain('HTTP_TASKS_ENCRYPTION_KEY is not');
  });
});
