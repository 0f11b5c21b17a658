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

/** Limits of the calls of a ledger. */
export interface CallLimits {
  /** Maximum duration of a call, in milliseconds. */
  deadlineMs: number;
  /** Returns whether the ledger was closed. */
  isClosed: () => boolean;
}

/** Returns a function that runs work within the deadline, and rejects once the ledger is closed. */
export function inTimeBy({ deadlineMs, isClosed }: CallLimits) {
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (isClosed()) throw new LedgerUnavailableError('The ledger is closed.');
    return withinDeadline(work, deadlineMs);
  };
}

/** Returns a function that binds others to the context and runs them as {@link inTimeBy} does. */
export function guardedBy<C>(context: C, limits: CallLimits) {
  const inTime = inTimeBy(limits);
  return <I extends unknown[], O>(work: (context: C, ...input: I) => Promise<O>) =>
    (...input: I): Promise<O> =>
      inTime(() => work(context, ...input));
}

/**
 * Resolves or rejects within the deadline. The database has its own, shorter limits; this one applies when several of
 * them add up. A write that timed out here may still take effect, for example an intent without a call, which a later
 * attempt finds unsettled.
 */
export async function withinDeadline<T>(work: () => Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new LedgerUnavailableError(`The ledger did not respond within ${deadlineMs} ms.`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([work(), tooLate]);
  } catch (error) {
    throw toLedgerError(error);
  } finally {
    clearTimeout(timer);
  }
}
