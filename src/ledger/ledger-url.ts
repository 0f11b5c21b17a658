import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LedgerSettingError } from './setting-error';

/** Where a ledger lives. `label` may be shown to people: it has no user and no password. */
export type LedgerAddress =
  | { kind: 'libsql'; path: string; label: string }
  | { kind: 'postgres'; connectionString: string; label: string };

/** The path of a ledger that lives and dies with its connection. */
export const IN_MEMORY = ':memory:';

const ALLOWED =
  'Allowed are file:PATH (an embedded database, for example file:./ledger.db) and postgres://USER:PASSWORD@HOST:PORT/DATABASE.';

/**
 * Reads the value of `HTTP_TASKS_LEDGER_URL`.
 *
 * @throws LedgerSettingError for another scheme, no path, or a URL that cannot be read. The value is never repeated,
 * because it may hold a password.
 */
export function parseLedgerUrl(url: string): LedgerAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file') return parseFileUrl(url);
  if (scheme === 'postgres' || scheme === 'postgresql') return parsePostgresUrl(url);
  const given = scheme === undefined ? 'the value has no scheme' : `the scheme ${scheme}: is not known`;
  throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${given}. ${ALLOWED}`);
}

function parseFileUrl(url: string): LedgerAddress {
  const rest = url.slice('file:'.length);
  if (rest === IN_MEMORY) return { kind: 'libsql', path: IN_MEMORY, label: 'file::memory:' };
  const file = rest.startsWith('//') ? absoluteFile(url) : rest;
  if (file === '') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `file: is given without a path. ${ALLOWED}`);
  const absolute = path.resolve(file);
  return { kind: 'libsql', path: absolute, label: `file:${absolute}` };
}

function absoluteFile(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new LedgerSettingError(
      'HTTP_TASKS_LEDGER_URL',
      'a file URL with // needs an absolute path and no host: file:///srv/ledger.db. For a relative one write file:./ledger.db.',
    );
  }
}

function parsePostgresUrl(url: string): LedgerAddress {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new LedgerSettingError(
      'HTTP_TASKS_LEDGER_URL',
      `the postgres URL cannot be read; special characters in user and password must be percent-encoded. ${ALLOWED}`,
    );
  }
  return { kind: 'postgres', connectionString: url, label: `postgres://${parsed.host}${parsed.pathname}` };
}
