import type { OutcomeCounts } from '../../policy/sweep-result';
import type { TaskFailureType } from '../../tasks/failure';
import type { Receipt, ReceiptOutcome } from '../ledger';
import type { SweepCounts } from './sweep-types';

/** Receipts of a sweep that differ only in user, time and the provider's proof. */
export interface ReceiptGroup {
  /** `settled` for the final outcome of a step; `outcome` for one that was retried later. */
  phase: 'outcome' | 'settled';
  step: string;
  task: string;
  service: string;
  environment: string;
  keySlot?: string;
  outcome: ReceiptOutcome;
  reason?: string;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  /** Set if several reasons, statuses and codes, which are absent then, are combined because there were too many. */
  various?: true;
  receipts: number;
  /** How many of them contain the provider's request ID or token. */
  withProof: number;
}

/** The number of users settled in a time interval. */
export interface SettledInBucket {
  /** Start of the interval; ISO 8601, UTC. */
  at: string;
  users: number;
}

/** When users were settled. */
export interface SettledOverTime {
  /** Time of the first settled receipt; ISO 8601, UTC, like `last`. */
  first: string;
  last: string;
  /** Length of each interval, in milliseconds. */
  bucketMs: number;
  /** In order, without empty intervals. */
  buckets: SettledInBucket[];
}

/** When the final outcomes of a step at one service were recorded. */
export interface StepOverTime {
  step: string;
  service: string;
  /** Intervals of the length in `SweepSummary.settled`, in order, without empty ones. */
  buckets: { at: string; receipts: number }[];
}

/** A summary of a sweep's receipts. */
export interface SweepSummary {
  /** Most frequent first. */
  groups: ReceiptGroup[];
  /** Absent while no user is settled. Does not include users whom the snapshot left out. */
  settled?: SettledOverTime;
  /** When each user's last step before the bulk calls ended. Only for sweeps with steps that are done in bulk calls. */
  settledBeforeBulk?: SettledOverTime;
  /** Absent while no user is settled. */
  steps?: StepOverTime[];
}

/** A sweep to summarise. */
export interface SummariseSweep {
  sweepId: string;
  /** Called after each slice with the number of users processed. */
  onProgress?: (users: number) => void;
  /** Returns whether receipts are those of a step that is done for many users in one call. @default none are */
  isBulk?: (group: ReceiptGroup) => boolean;
}

/** Users of a sweep whose worst outcome is one of the requested ones. */
export interface UsersWithOutcome {
  /** The number of such users. */
  users: number;
  /** All settled receipts of the first users, by seq. */
  receipts: Receipt[];
}

/** Returns the users by outcome; those without one are pending, whatever else the ledger knows. */
export function outcomeCounts({ total, pending, open, waitingForBulk, ...outcomes }: SweepCounts): OutcomeCounts {
  return { total, pending: pending + open + waitingForBulk, ...outcomes };
}
