import type { OffboardResult } from './offboard-result';
import { isGood } from './offboard-result';
import { OUTCOMES } from './outcome';
import type { Outcome } from './outcome';

/**
 * How a sweep stands.
 *
 * After `cancelled`, users who were done in part are `failed`, or `unknown` when a call may have gone out, so that a
 * redrive takes them up; users of whom nothing was done are `skipped`. The ids of the skipped ones are deleted like those
 * of users who came to a good end, although nobody off-boarded them: they can be found again only in their source, for
 * example by a sweep with `skipDone`.
 */
export type SweepStatus =
  'running' | 'waitingForApproval' | 'paused' | 'completed' | 'partial' | 'failed' | 'cancelled';

/** Each user once, under the worst outcome of its steps; `pending` are those who have none yet. The numbers add up to `total`. */
export type OutcomeCounts = { total: number; pending: number } & Record<Outcome, number>;

/** What `offboardUsers` answers. */
export interface SweepResult {
  sweepId: string;
  status: SweepStatus;
  /** `tolerance`, `request`, or the key that was refused: `Task.Unauthorized batch.android`. */
  pausedBecause?: string;
  counts: OutcomeCounts;
  /** Rows that named a user whom an earlier row had named. */
  duplicates: number;
  /** Rows that cannot be users. */
  rejected: number;
  /** In hex, over all receipts; absent until the sweep is sealed. */
  merkleRoot?: string;
  /** The sweep whose failed and unknown users this one took up. */
  redriveOf?: string;
  /** Who approved, when the sweep had to be approved: a claim, unless `approvalSigned`. */
  approvedBy?: string;
  /** The workers have verified the approvers' signatures. */
  approvalSigned?: true;
  /** What became of the compensation task, when the input named one and the sweep did not complete. */
  compensationTask?: OffboardResult['compensationTask'];
  /** `notApproved`: no approval came within `approveWithin`, so that no user was offboarded. */
  cancelledBecause?: 'notApproved';
}

/** What the approvers of a sweep sign besides its ID and number of users, where the operator's policy asks for signatures. */
export interface ApprovalTerms {
  /** SHA-256 over the sweep's users, in hex. */
  snapshotDigest: string;
  /** SHA-256 over what is done for each of them, in hex. */
  planDigest: string;
  /** Where they are deleted: `batch=default,plaid=production`. */
  environment: string;
  /** How many different approvers have to sign. */
  signatures: number;
}

/** What a sweep is doing. */
export type SweepPhase =
  'reading' | 'waitingForApproval' | 'users' | 'bulk' | 'waiting' | 'paused' | 'closing' | 'ended';

/** What the query `progress` of `offboardUsers` answers. It holds numbers, never an id of a user. */
export interface SweepProgress extends SweepResult {
  phase: SweepPhase;
  /** How often all unfinished users were gone through, from 1. */
  round: number;
  /** Chunks, or children, under way. */
  underWay: number;
  /** Users who are done but for a bulk call; counted as pending. */
  waitingForBulk: number;
  /** The titles of the providers; absent in runs of earlier versions. */
  titles?: ProviderTitles;
  /** While the sweep waits for signed approvals: what is signed, and who has. */
  toSign?: ApprovalTerms & { signedBy: readonly string[] };
  /** Steps that people have to do, with the number of users who wait; absent when there are none. Counted as pending. */
  waitingForPerson?: readonly StepWait[];
  /** ISO 8601: when the next of the deferred users may be tried again, while all of them have to wait. */
  nextTryAt?: string;
  /** ISO 8601. */
  startedAt: string;
  /** ISO 8601: when the time for the work is over, absent while it moves, because the sweep waits for its approval or is paused. */
  deadline?: string;
  /** ISO 8601: when the sweep is cancelled unless it is approved; while it waits for that. */
  approveUntil?: string;
}

/** The titles of a sweep's providers. */
export interface ProviderTitles {
  /** Those that are called for bulk deletions when everything else is done. */
  bulk: readonly string[];
  /** The others. */
  others: readonly string[];
}

/** Returns what people are told of users who wait for bulk calls: where they are done, and what they wait for. */
export function bulkWords(titles: ProviderTitles | undefined): { done: string; waiting: string; calls: string } {
  const { bulk = [], others = [] } = titles ?? {};
  const at = bulk.join(' and ');
  return {
    done: others.length > 0 ? `done at ${others.join(' and ')}` : 'done so far',
    waiting: `waiting for ${at || 'bulk calls'}`,
    calls: at === '' ? 'bulk calls' : `bulk calls at ${at}`,
  };
}

/** Users who wait for a person to do a step; the update `completeStep` reports it. */
export interface StepWait {
  step: string;
  title: string;
  users: number;
}

/** No user yet. */
export function noCounts(): OutcomeCounts {
  const none = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  return { total: 0, pending: 0, ...none };
}

/**
 * The status of a sweep that came to its end by itself; the same rule as for one user (`statusOf`), with each user as a
 * step. Users on hold were left alone on purpose and do not count against it; a rejected row is a user who was left
 * where they are.
 */
export function statusOfSweep(
  counts: OutcomeCounts,
  notFoundIsFine: boolean,
  rejected: number,
): 'completed' | 'partial' | 'failed' {
  const bad = counts.failed + counts.unknown + (notFoundIsFine ? 0 : counts.notFound);
  if (bad === 0) return rejected > 0 ? 'partial' : 'completed';
  const good = OUTCOMES.some((outcome) => isGood(outcome) && counts[outcome] > 0);
  return counts.failed > 0 && !good ? 'failed' : 'partial';
}
