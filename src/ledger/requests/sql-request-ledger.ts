import { guardedBy } from '../sql-calls';
import type { CallLimits } from '../sql-calls';
import { SweepKeys } from '../sweeps/sweep-key';
import type { LedgerDatabase } from '../store';
import type { RequestLedger } from './request-ledger';
import { end, extend, find, findOf, list, ofSweep, purge, record, recordRunAbout, refuse, state } from './request-rows';
import type { RequestContext } from './request-rows';

/** Creates the register over an open database. Each call ends within `deadlineMs`. */
export function createSqlRequestLedger(
  database: LedgerDatabase,
  {
    subjectKey,
    ...limits
  }: CallLimits & {
    /** `HTTP_TASKS_SUBJECT_KEY`, from which the key of the references is derived. */
    subjectKey: string;
  },
): RequestLedger {
  const context: RequestContext = { ...database, keys: new SweepKeys(subjectKey) };
  const guarded = guardedBy(context, limits);
  return {
    record: guarded(record),
    end: guarded(end),
    ofSweep: guarded(ofSweep),
    recordRunAbout: guarded(recordRunAbout),
    list: guarded(list),
    find: guarded(find),
    findOf: guarded(findOf),
    extend: guarded(extend),
    refuse: guarded(refuse),
    state: guarded(state),
    purge: guarded(purge),
  };
}
