import { compareHolds, countUnknownHolds, holdsNaming, liftHolds, readHoldLog, readHolds, setHolds } from './holds';
import type { HoldLedger } from './hold-ledger';
import { LedgerUnavailableError } from './ledger';
import { withinDeadline } from './sql-ledger';
import type { LedgerDatabase } from './store';

/**
 * Creates the holds part of a ledger over an open database whose schema is up to date. Each call ends within
 * `deadlineMs`.
 */
export function createSqlHoldLedger(
  database: LedgerDatabase,
  { deadlineMs, isClosed }: { deadlineMs: number; isClosed: () => boolean },
): HoldLedger {
  const guarded =
    <I extends unknown[], O>(work: (database: LedgerDatabase, ...input: I) => Promise<O>) =>
    async (...input: I): Promise<O> => {
      if (isClosed()) throw new LedgerUnavailableError('The ledger is closed.');
      return withinDeadline(() => work(database, ...input), deadlineMs);
    };
  return {
    set: guarded(setHolds),
    compare: guarded(compareHolds),
    naming: guarded(holdsNaming),
    list: guarded(readHolds),
    lift: guarded(liftHolds),
    readLog: guarded(readHoldLog),
    countUnknown: guarded(countUnknownHolds),
  };
}
