import { DatabaseError } from 'pg';
import { printable } from '../../policy/printable';
import { LedgerUnavailableError } from '../ledger';
import type { StoreFailures } from '../store';
import { PostgresRefusedError } from './client';

/**
 * SQLSTATE classes that mean that a later attempt, or one after a repair, can succeed: connection (08), login (28),
 * transaction rolled back by the server (40), out of resources (53), lock not available and object in use (55), operator
 * intervention, which includes statement timeouts (57), system error (58), and a server that only reads because it is a
 * standby (25006).
 */
const UNAVAILABLE = /^(08|28|40|53|55|57|58)|^25006$/;

/** How the stored writes refuse: see migrations/0004-sweep-writes.sql and 0008-guards.sql. */
const REFUSALS = new Set(['HT001', 'HT002', 'HT003', 'HT004', 'HT005', 'HT006', 'HT007']);

/** A missing table and a missing column. */
const MISSING = new Set(['42P01', '42703']);

/** Insufficient privilege, or no usable schema. */
const MAY_NOT_CREATE = new Set(['42501', '3F000']);

/** Advice by code, for errors caused by a wrong setting rather than a temporary problem. */
const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'the database refused the user or the password (28P01).',
  '28000': 'the database refused the login (28000); check the user and whether TLS is required.',
  '3D000': 'the database does not exist on the server (3D000); create it first.',
  '42501':
    'this database user may not read or write the tables of the ledger (42501). Grant it the permissions of a worker: deploy/postgres/roles.sql.',
};

/** What the errors of Postgres mean, by SQLSTATE. */
export const postgresFailures: StoreFailures = {
  codeOf,
  isUnavailable: (code) => UNAVAILABLE.test(code),
  isRefusal: (code) => REFUSALS.has(code),
  isLocked: (code) => code === '55P03',
  isMissingTable: (code) => MISSING.has(code),
  mayNotCreate: (code) => MAY_NOT_CREATE.has(code),
  adviceFor(error) {
    if (error instanceof PostgresRefusedError) return error.message;
    return ADVICE[codeOf(error) ?? ''] ?? poolerAdvice(error);
  },
};

function codeOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? (error.code ?? 'XX000') : undefined;
}

function poolerAdvice(error: unknown): string | undefined {
  const refusal = protocolRefusal(error);
  return (
    refusal &&
    `the server, or a pooler in front of it, refused the connection (${refusal}). See "Behind a pooler" in docs/deployment.md.`
  );
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

/** The message of `pg`, which has no code, when the server refuses TLS. */
const NO_TLS = 'The server does not support SSL connections';

/**
 * Returns the error for a failed connection to the database: a broken socket, an unresolvable name, an exhausted pool.
 */
export function unreachable(error: unknown): LedgerUnavailableError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = typeof code === 'string' && /^[A-Z0-9_]{3,40}$/.test(code) ? ` (${code})` : '';
  const why = whyNoTls(error, known) || '. Check that it runs, and that this machine may connect to it';
  return new LedgerUnavailableError(`The ledger's database cannot be reached${known}${why}.`);
}

/** Returns what an operator can change about a failed TLS handshake; empty for other errors. */
function whyNoTls(error: unknown, code: string): string {
  if (error instanceof Error && error.message === NO_TLS) return ': it does not offer TLS, which sslmode requires';
  if (/ALTNAME/.test(code)) return ': its certificate is for another host name';
  if (/CERT|UNABLE_TO|ISSUER/.test(code))
    return ': its certificate is not signed by a trusted authority; set sslrootcert to its CA';
  return '';
}
