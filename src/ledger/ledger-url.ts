import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePostgresUrl } from '../transport/postgres-url';
import type { PostgresTarget } from '../transport/postgres-url';
import { LedgerSettingError } from './setting-error';

/** The location of a ledger. `label` may be shown: it contains neither user nor password. */
export type LedgerAddress =
  { kind: 'libsql'; path: string; label: string } | { kind: 'postgres'; target: PostgresTarget; label: string };

/** The path of a ledger that exists only as long as its connection. */
export const IN_MEMORY = ':memory:';

const ALLOWED =
  'Allowed are file:PATH (an embedded database, for example file:./ledger.db) and postgres://USER:PASSWORD@HOST:PORT/DATABASE.';

/**
 * Reads the value of `HTTP_TASKS_LEDGER_URL`.
 *
 * @param plaintextAllowed Whether a Postgres on another machine may be used without TLS.
 * @throws LedgerSettingError for another scheme, no path, or a URL that cannot be read. The message never contains the
 * value, because it may contain a password.
 */
export function parseLedgerUrl(url: string, plaintextAllowed = false): LedgerAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file') return parseFileUrl(url);
  if (scheme === 'postgres' || scheme === 'postgresql') return postgresAddress(url, plaintextAllowed);
  const given = scheme === undefined ? 'the value has no scheme' : `the scheme ${scheme}: is not supported`;
  throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${given}. ${ALLOWED}`);
}

function parseFileUrl(url: string): LedgerAddress {
  const rest = url.slice('file:'.length);
  if (rest === IN_MEMORY) return { kind: 'libsql', path: IN_MEMORY, label: 'file::memory:' };
  const file = rest.startsWith('//') ? absoluteFile(url) : rest;
  if (file === '') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `file: needs a path. ${ALLOWED}`);
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

function postgresAddress(url: string, plaintextAllowed: boolean): LedgerAddress {
  const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });
  if (typeof target === 'string') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', target);
  return { kind: 'postgres', target, label: target.label };
}
