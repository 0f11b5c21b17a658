import { DatabaseError } from 'pg';
import { printable } from '../policy/printable';
import { LedgerUnavailableError } from './ledger';

/** A statement that libSQL refused. */
export class LibsqlFailure extends Error {
  override readonly name = 'LibsqlFailure';

  constructor(readonly code: string) {
    super(`libSQL refused a statement (${code}).`);
  }
}

/** A statement that the database refused for good: a bug here, or somebody changed the tables. */
export class LedgerStatementError extends Error {
  override readonly name = 'LedgerStatementError';

  /** @param code SQLSTATE in Postgres, the result code's name in libSQL. */
  constructor(readonly code: string) {
    super(`The ledger's database refused a statement (${code}). This is a bug, or its tables were changed by hand.`);
  }
}

/** Locked, full, unreadable, read-only: a later attempt, or one after a repair, can succeed. */
const LIBSQL_UNAVAILABLE =
  /^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN|INTERRUPT|PROTOCOL|READONLY|NOMEM|NOLFS|PERM|AUTH)(_|$)/;

/**
 * Connection (08), login (28), transaction rolled back by the server (40), out of resources (53), lock not available
 * and object in use (55), operator intervention, which includes statement time-outs (57), system error (58), and a
 * server that only reads because it is a standby (25006).
 */
const POSTGRES_UNAVAILABLE = /^(08|28|40|53|55|57|58)|^25006$/;

/** What `pg` says, without a code, when the server refuses TLS. */
const NO_TLS = 'The server does not support SSL connections';

/** The database's own code of an error, or undefined when the error did not come from the database's own answer. */
export function databaseCode(error: unknown): string | undefined {
  if (error instanceof LibsqlFailure) return error.code;
  if (error instanceof DatabaseError) return error.code ?? 'XX000';
  return undefined;
}

/** PgBouncer has one code, 08P01, for nearly everything that it refuses. Only its words say what passes by itself. */
const PASSES = /time-?out|no more connections|cannot connect|connect failed|shutting down|crashed|paused|server login/i;
const MOST_WORDS = 200;

/**
 * Returns the code and the words of a refusal that no later attempt changes: of a connection by a pooler (08P01), whose words
 * are about names of databases, users and parameters. Undefined for anything else.
 */
export function protocolRefusal(error: unknown): string | undefined {
  if (!(error instanceof DatabaseError) || error.code !== '08P01' || PASSES.test(error.message)) return undefined;
  return `08P01: ${printable(error.message).slice(0, MOST_WORDS)}`;
}

/**
 * Says what a caller may know about an answer of the database: that the ledger is unavailable, or the bare code of a
 * refused statement. The database's message is dropped, because it can quote data. Other errors stay as they are.
 */
export function toLedgerError(error: unknown): unknown {
  const code = databaseCode(error);
  if (code === undefined) return error;
  const unavailable = (error instanceof LibsqlFailure ? LIBSQL_UNAVAILABLE : POSTGRES_UNAVAILABLE).test(code);
  return unavailable
    ? new LedgerUnavailableError(`The ledger's database is locked or cannot work right now (${code}).`)
    : new LedgerStatementError(code);
}

/** For what went wrong on the way to the database: a socket, a name that does not resolve, a pool that ran dry. */
export function unreachable(error: unknown): LedgerUnavailableError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = typeof code === 'string' && /^[A-Z0-9_]{3,40}$/.test(code) ? ` (${code})` : '';
  return new LedgerUnavailableError(`The ledger's database cannot be reached${known}${whyNoTls(error, known)}.`);
}

/** Of TLS that could not be made, the part that an operator can change. */
function whyNoTls(error: unknown, code: string): string {
  if (error instanceof Error && error.message === NO_TLS) return ': it does not offer the TLS that sslmode demands';
  if (/ALTNAME/.test(code)) return ': its certificate is for another host name';
  if (/CERT|UNABLE_TO|ISSUER/.test(code))
    return ': its certificate is not from an authority that is trusted here; name its own as sslrootcert';
  return '';
}
