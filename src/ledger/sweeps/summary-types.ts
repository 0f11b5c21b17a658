import type { TaskFailureType } from '../../tasks/failure';
import type { Receipt, ReceiptOutcome } from '../ledger';

/** Receipts of a sweep that say the same, apart from whom they are about, when, and the provider's proof. */
export interface ReceiptGroup {
  /** `settled` for the last word on a step; `outcome` for what was tried again later. */
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
  /** Several reasons, statuses and codes together, which are absent then: there were too many to name each. */
  various?: true;
  receipts: number;
  /** Those of them that hold the provider's id of the request or its token. */
  withProof: number;
}

/** How many users came to their end in a stretch of time. */
export interface SettledInBucket {
  /** When the stretch begins; ISO 8601, UTC. */
  at: string;
  users: number;
}

/** When users came to their end. */
export interface SettledOverTime {
  /** The first and the last settled receipt; ISO 8601, UTC. */
  first: string;
  last: string;
  /** How long each stretch is, in milliseconds. */
  bucketMs: number;
  /** In order; stretches without any are left out. */
  buckets: SettledInBucket[];
}

/** What the receipts of a sweep say together. */
export interface SweepSummary {
  /** The most frequent first. */
  groups: ReceiptGroup[];
  /** Absent while nobody has come to an end. Users whom the snapshot left out are not in it. */
  settled?: SettledOverTime;
  /** When the last step at Plaid of each user ended; only of sweeps with steps at Batch too, which come in large calls. */
  settledAtPlaid?: SettledOverTime;
}

/** Users of a sweep of whom some step had one of the outcomes that were asked for. */
export interface UsersWithOutcome {
  /** How many there are. */
  users: number;
  /** The settled receipts of the first of them, all steps, by seq. */
  receipts: Receipt[];
}
