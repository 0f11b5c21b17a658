import type { StoreFailures } from '../store';

/** libSQL refused a statement. */
export class LibsqlFailure extends Error {
  override readonly name = 'LibsqlFailure';

  constructor(readonly code: string) {
    super(`libSQL refused a statement (${code}).`);
  }
}

/** Result codes such as locked, full, unreadable or read-only: a later attempt, or one after a repair, can succeed. */
const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN|INTERRUPT|PROTOCOL|READONLY|NOMEM|NOLFS|PERM|AUTH)(_|$)/;

/** Advice by code, for errors caused by a wrong setting rather than a temporary problem. */
const ADVICE: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'the file cannot be opened or created. Its folder must exist and be writable for this user.',
  SQLITE_NOTADB: 'the file is not a database. Nothing was changed; name another file.',
  SQLITE_READONLY: 'the file is not writable for this user.',
};

/** What the errors of libSQL mean, by the names of its result codes. */
export const libsqlFailures: StoreFailures = {
  codeOf,
  isUnavailable: (code) => UNAVAILABLE.test(code),
  // All triggers refuse with the same code.
  isRefusal: (code) => code === 'SQLITE_CONSTRAINT_TRIGGER',
  isLocked: (code) => code === 'SQLITE_BUSY',
  isMissingTable: (code) => code === 'SQLITE_ERROR',
  mayNotCreate: () => false,
  adviceFor: (error) => ADVICE[codeOf(error) ?? ''],
};

function codeOf(error: unknown): string | undefined {
  return error instanceof LibsqlFailure ? error.code : undefined;
}
