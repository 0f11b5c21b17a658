import { LedgerUnavailableError } from '../ledger';
import { endRequests } from '../requests/sweep-requests';
import { inTimeBy } from '../sql-calls';
import type { CallLimits } from '../sql-calls';
import type { SealKeys } from '../log/seal-key';
import type { LedgerDatabase } from '../store';
import { addApproval, readApprovals, requireApproval } from './approvals';
import {
  returnBulk,
  notePossiblySent,
  openBulk,
  readyForBulk,
  recordBulk,
  confirmFence,
  takeFence,
  voidOtherFences,
  flushWave,
  openWave,
} from './waves';
import { count, countFailed, isOpen, makeDue, readHistories, readUnfinished, readUser } from './progress';
import { listPurgeable, purge, purgeReceipts, release, releaseUntouchedSince } from './purge';
import { proveAll, verify } from './verify';
import { listEndedUnderFirstKey, rekey } from './rekey';
import { prove, seal } from './seal';
import { finishInSeries, joinSeries } from './series';
import { readSealed } from './seal-slices';
import { readPartlyDone, readRemovals, countWaiting, readProgress, reportStep, saveProgress } from './target-progress';
import { snapshotDigest } from './snapshot-digest';
import { appendRedriven, appendTargets, readSnapshot } from './snapshot';
import { SqlSnapshotWriter } from './snapshot-writer';
import type { SweepContext } from './sweep-context';
import { SweepKeys } from './sweep-key';
import type { SweepLedger } from './sweep-ledger';
import { readLabels } from './references';
import { readReceipts, readUsersWithOutcome } from './sweep-receipts';
import { adoptPlan, approve, claim, create, list, noteRequests, read, readClaimedBy, setStatus } from './sweep-rows';
import { summarise } from './summary';

/** Options of the sweeps part of a ledger. */
export interface SweepLedgerOptions extends CallLimits {
  /** `HTTP_TASKS_SUBJECT_KEY`, from which the key of the sweeps' keys is derived. */
  subjectKey: string;
  /** The keys that sign checkpoints of the log. */
  sealKeys: SealKeys;
}

/** Creates the sweeps part of a ledger over an open database whose schema is up to date. */
export function createSqlSweepLedger(database: LedgerDatabase, options: SweepLedgerOptions): SweepLedger {
  const inTime = inTimeBy(options);
  const context: SweepContext = {
    ...database,
    keys: new SweepKeys(options.subjectKey),
    sealKeys: options.sealKeys,
    numbers: new Map(),
    knownKeys: new Map(),
    inTime: async (work) => {
      try {
        return await inTime(work);
      } catch (error) {
        // Closed between two statements: the second one fails in whatever way.
        throw options.isClosed() ? new LedgerUnavailableError('The ledger is closed.') : error;
      }
    },
  };
  /** For calls of one or two statements. The others limit the duration of each statement themselves. */
  const short =
    <I extends unknown[], O>(work: (context: SweepContext, ...input: I) => Promise<O>) =>
    (...input: I): Promise<O> =>
      context.inTime(() => work(context, ...input));
  return {
    create: short(create),
    claim: short(claim),
    adoptPlan: short(adoptPlan),
    approve: short(approve),
    requireApproval: (sweepId) => requireApproval(context, sweepId),
    addApproval: short(addApproval),
    readApprovals: short(readApprovals),
    readClaimedBy: short(readClaimedBy),
    read: short(read),
    list: short(list),
    setStatus: short(setStatus),
    noteRequests: short(noteRequests),
    endRequests: (given) => endRequests(context, given),
    joinSeries: short(joinSeries),
    finishInSeries: short(finishInSeries),
    readSnapshot: short(readSnapshot),
    appendTargets: (given) => appendTargets(context, given),
    writeSnapshot: (options) => SqlSnapshotWriter.begin(context, options),
    appendRedriven: (given) => appendRedriven(context, given),
    takeFence: short(takeFence),
    voidOtherFences: short(voidOtherFences),
    confirmFence: short(confirmFence),
    openWave: short(openWave),
    flushWave: short(flushWave),
    saveProgress: short(saveProgress),
    readProgress: short(readProgress),
    countWaiting: short(countWaiting),
    reportStep: (given) => reportStep(context, given),
    readHistories: short(readHistories),
    readRemovals: short(readRemovals),
    readPartlyDone: short(readPartlyDone),
    readUser: short(readUser),
    isOpen: short(isOpen),
    count: short(count),
    countFailed: short(countFailed),
    readUnfinished: short(readUnfinished),
    makeDue: short(makeDue),
    readyForBulk: short(readyForBulk),
    openBulk: short(openBulk),
    recordBulk: short(recordBulk),
    returnBulk: short(returnBulk),
    notePerhapsSent: short(notePossiblySent),
    readReceipts: short(readReceipts),
    readLabels: short(readLabels),
    summarise: (given) => summarise(context, given),
    readUsersWithOutcome: (given) => readUsersWithOutcome(context, given),
    seal: (given) => seal(context, given),
    snapshotDigest: (sweepId) => snapshotDigest(context, sweepId),
    verify: (given) => verify(context, given),
    readSealed: short(readSealed),
    prove: (given) => prove(context, given),
    proveAll: (given) => proveAll(context, given),
    purge: (given) => purge(context, given),
    listPurgeable: short(listPurgeable),
    purgeReceipts: (given) => purgeReceipts(context, given),
    rekey: (given) => rekey(context, given),
    listEndedUnderFirstKey: short(listEndedUnderFirstKey),
    release: (sweepId) => release(context, sweepId),
    releaseUntouchedSince: (time) => releaseUntouchedSince(context, time),
  };
}
