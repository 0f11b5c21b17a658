import { LedgerUnavailableError } from './ledger';
import { libsqlFailures } from './libsql/failures';
import { postgresFailures } from './postgres/failures';

/** The database refused a statement permanently: a bug, or the tables were changed by hand. */
export class LedgerStatementError extends Error {
  override readonly name = 'LedgerStatementError';

  /** @param code SQLSTATE in Postgres, the result code's name in libSQL. */
  constructor(readonly code: string) {
    super(`The ledger's database refused a statement (${code}). This is a bug, or its tables were changed by hand.`);
  }
}

/** An error belongs to the database that knows its code. */
const ALL = [libsqlFailures, postgresFailures];

/**
 * Converts an error of the database to one that says only that the ledger is unavailable, or the code of the refused
 * statement. The database's message is dropped, because it can quote data. Other errors are returned unchanged.
 */
export function toLedgerError(error: unknown): unknown {
  for (const failures of ALL) {
    const code = failures.codeOf(error);
    if (code === undefined) continue;
    return failures.isUnavailable(code)
      ? new LedgerUnavailableError(`The ledger's database is locked or unavailable (${code}).`)
      : new LedgerStatementError(code);
  }
  return error;
}

/** Returns whether a stored write refused; see `StoredWrites`. */
export function isRefusal(error: unknown): boolean {
  return ALL.some((failures) => failures.isRefusal(failures.codeOf(error) ?? ''));
}
