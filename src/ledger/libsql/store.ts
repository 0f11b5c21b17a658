import { existsSync, chmodSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kysely, sql } from 'kysely';
import { ALLOWED_LEDGER_URLS, LedgerSettingError } from '../setting-error';
import type { Store, StoreAddress, WideFile } from '../store';
import type { Tables } from '../tables';
import { LibsqlDialect } from './dialect';
import { libsqlFailures } from './failures';
import { libsqlForms } from './forms';
import { libsqlWrites } from './writes';

/** File mode of a ledger: read and write for its owner only. */
const PRIVATE = 0o600;

const OTHERS = 0o077;

/** Suffixes of the files of an open database. */
const FILES = ['', '-wal', '-shm'] as const;

/** The path of a ledger that exists only as long as its connection. */
const IN_MEMORY = ':memory:';

/** A ledger in a libSQL file, used in a thread of this process. */
export const libsqlStore: Store = {
  ...libsqlForms,
  ...libsqlWrites,
  name: 'libsql',
  schemes: ['file'],
  failures: libsqlFailures,
  instantType: 'text',
  addressOf: (url) => addressOf(pathOf(url)),
  async hasTable(db, table) {
    const { rows } = await sql`select name from sqlite_master where type = 'table' and name = ${table}`.execute(db);
    return rows.length > 0;
  },
  // Transactions begin as `immediate` and already have the one write lock.
  lock: () => Promise.resolve(),
};

function pathOf(url: string): string {
  const rest = url.slice('file:'.length);
  if (rest === IN_MEMORY) return IN_MEMORY;
  const file = rest.startsWith('//') ? absoluteFile(url) : rest;
  if (file === '') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `file: needs a path. ${ALLOWED_LEDGER_URLS}`);
  return path.resolve(file);
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

function addressOf(file: string): StoreAddress {
  return {
    label: file === IN_MEMORY ? 'file::memory:' : `file:${file}`,
    inMemory: file === IN_MEMORY,
    // False for a ledger in memory.
    mayExist: () => existsSync(file),
    protect: (onEvent) => {
      if (file === IN_MEMORY) return;
      for (const wide of tightenLedgerFiles(file)) onEvent({ kind: 'wideFile', ...wide });
    },
    connect: (limits, onEvent) => {
      const onThreadLost = (reason: string): void => onEvent({ kind: 'threadLost', reason });
      const dialect = new LibsqlDialect({ path: file, ...limits, onThreadLost });
      return { store: libsqlStore, db: new Kysely<Tables>({ dialect }) };
    },
  };
}

/** Removes other users' permissions from a ledger's existing files and returns the files that had any. */
function tightenLedgerFiles(path: string): WideFile[] {
  return FILES.flatMap((suffix) => {
    const file = `${path}${suffix}`;
    const stat = statSync(file, { throwIfNoEntry: false });
    // Windows has no such permissions.
    if (!stat?.isFile() || process.getuid === undefined || (stat.mode & OTHERS) === 0) return [];
    return [{ file, mode: `0${(stat.mode & 0o777).toString(8)}`, tightened: tighten(file) }];
  });
}

function tighten(file: string): boolean {
  try {
    chmodSync(file, PRIVATE);
    return true;
  } catch {
    return false;
  }
}
