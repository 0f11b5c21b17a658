import { DatabaseError } from 'pg';
import { printable } from '../policy/printable';
import { LedgerUnavailableError } from './ledger';

/** libSQL refused a statement. */
export class LibsqlFailure extends Error {
  override readonly name = 'LibsqlFailure';

  constructor(readonly code: string) {
    super(`libSQL refused a statement (${code}).`);
  }
}

/** The database refused a statement permanently: a bug, or the tables were changed by hand. */
export class LedgerStatementError extends Error {
  override readonly name = 'LedgerStatementError';

  /** @param code SQLSTATE in Postgres, the result code's name in libSQL. */
  constructor(readonly code: string) {
    super(`The ledger's database refused a statement (${code}). This is a bug, or its tables were changed by hand.`);
  }
}

/** Result codes such as locked, full, unreadable or read-only: a later attempt, or one after a repair, can succeed. */
const LIBSQL_UNAVAILABLE =
  /^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN|INTERRUPT|PROTOCOL|READONLY|NOMEM|NOLFS|PERM|AUTH)(_|$)/;

/**
 * SQLSTATE classes with the same meaning: connection (08), login (28), transaction rolled back by the server (40), out
 * of resources (53), lock not available and object in use (55), operator intervention, which includes statement
 * timeouts (57), system error (58), and a server that only reads because it is a standby (25006).
 */
const POSTGRES_UNAVAILABLE = /^(08|28|40|53|55|57|58)|^25006$/;

/** The message of `pg`, which has no code, when the server refuses TLS. */
const NO_TLS = 'The server does not support SSL connections';

/** Returns the database's code of an error, or undefined if the error did not come from the database. */
export function databaseCode(error: unknown): string | undefined {
  if (error instanceof LibsqlFailure) return error.code;
  if (error instanceof DatabaseError) return error.code ?? 'XX000';
  return undefined;
}

/**
 * Temporary refusals of PgBouncer. It uses one code, 08P01, for nearly all refusals, so only the message distinguishes
 * them.
 */
const PASSES = /time-?out|no more connections|cannot connect|connect failed|shutting down|crashed|paused|server login/i;
const MAX_MESSAGE_LENGTH = 200;

/**
 * Returns the code and message if a pooler refused a connection (08P01) permanently; such a message names databases,
 * users and parameters. Returns undefined for any other error.
 */
export function protocolRefusal(error: unknown): string | undefined {
  if (!(error instanceof DatabaseError) || error.code !== '08P01' || PASSES.test(error.message)) return undefined;
  return `08P01: ${printable(error.message).slice(0, MAX_MESSAGE_LENGTH)}`;
}

/**
 * Converts an error of the database to one that says only that the ledger is unavailable, or the code of the refused
 * statement. The database's message is dropped, because it can quote data. Other errors are returned unchanged.
 */
export function toLedgerError(error: unknown): unknown {
  const code = databaseCode(error);
  if (code === undefined) return error;
  const unavailable = (error instanceof LibsqlFailure ? LIBSQL_UNAVAILABLE : POSTGRES_UNAVAILABLE).test(code);
  return unavailable
    ? new LedgerUnavailableError(`The ledger's database is locked or unavailable (${code}).`)
    : new LedgerStatementError(code);
}

/**
 * Returns the error for a failed connection to the database: a broken socket, an unresolvable name, an exhausted pool.
 */
export function unreachable(error: unknown): LedgerUnavailableError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = typeof code === 'string' && /^[A-Z0-9_]{3,40}$/.test(code) ? ` (${code})` : '';
  return new LedgerUnavailableError(`The ledger's database cannot be reached${known}${whyNoTls(error, known)}.`);
}

/** Returns what an operator can change about a failed TLS handshake; empty for other errors. */
function whyNoTls(error: unknown, code: string): string {
  if (error instanceof Error && error.message === NO_TLS) return ': it does not offer TLS, which sslmode requires';
  if (/ALTNAME/.test(code)) return ': its certificate is for another host name';
  if (/CERT|UNABLE_TO|ISSUER/.test(code))
    return ': its certificate is not signed by a trusted authority; set sslrootcert to its CA';
  return '';
}
