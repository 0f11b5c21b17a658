import { addHold, isHeld, listHolds, removeHolds } from './holds';
import { LedgerUnavailableError } from './ledger';
import type { Ledger } from './ledger';
import { countUsersOfDay, listPolicies, recordPolicy } from './policy-ledger';
import { readHistory, readReceipts, recordIntent, recordOutcome } from './receipts';
import { readCompensations, recordEnd } from './run-end';
import { toLedgerError } from './sql-failure';
import { forbids, listStops, start, stop } from './stops';
import type { LedgerDatabase } from './store';

/** Creates a ledger over an open database whose schema is up to date. Each call ends within `deadlineMs`. */
export function createSqlLedger(database: LedgerDatabase, deadlineMs: number): Ledger {
  let closed = false;
  const guarded =
    <I extends unknown[], O>(work: (database: LedgerDatabase, ...input: I) => Promise<O>) =>
    async (...input: I): Promise<O> => {
      if (closed) throw new LedgerUnavailableError('The ledger is closed.');
      return withinDeadline(() => work(database, ...input), deadlineMs);
    };
  return {
    recordIntent: guarded(recordIntent),
    recordOutcome: guarded(recordOutcome),
    recordEnd: guarded(recordEnd),
    readReceipts: guarded(readReceipts),
    readCompensations: guarded(readCompensations),
    readHistory: guarded(readHistory),
    addHold: guarded(addHold),
    isHeld: guarded(isHeld),
    listHolds: guarded(listHolds),
    removeHolds: guarded(removeHolds),
    forbids: guarded(forbids),
    stop: guarded(stop),
    start: guarded(start),
    listStops: guarded(listStops),
    countUsersOfDay: guarded(countUsersOfDay),
    recordPolicy: guarded(recordPolicy),
    listPolicies: guarded(listPolicies),
    close: () => {
      closed = true;
      return database.db.destroy();
    },
  };
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
