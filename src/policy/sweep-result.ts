import type { OffboardResult } from './offboard-result';
import { isGood } from './offboard-result';
import { OUTCOMES } from './outcome';
import type { Outcome } from './outcome';

/**
 * The status of a sweep.
 *
 * After `cancelled`, users who were partly done are `failed`, or `unknown` when a call may have been sent, so that a
 * redrive processes them; users for whom nothing was done are `skipped`. The IDs of skipped users are deleted like
 * those of successful ones, although these users were not offboarded: they can only be found again in their source, for
 * example by a sweep with `skipDone`.
 */
export type SweepStatus =
  'running' | 'waitingForApproval' | 'paused' | 'completed' | 'partial' | 'failed' | 'cancelled';

/**
 * Each user counts once, under the worst outcome of its steps; `pending` are users without an outcome. The numbers add
 * up to `total`.
 */
export type OutcomeCounts = { total: number; pending: number } & Record<Outcome, number>;

/** The result of `offboardUsers`. */
export interface SweepResult {
  sweepId: string;
  status: SweepStatus;
  /** `tolerance`, `request`, or the key that was refused: `Task.Unauthorized batch.android`. */
  pausedBecause?: string;
  counts: OutcomeCounts;
  /** Number of rows that named a user of an earlier row. */
  duplicates: number;
  /** Number of rows that cannot be users. */
  rejected: number;
  /** In hex, over all receipts; absent until the sweep is sealed. */
  merkleRoot?: string;
  /** ISO 8601: when the first of the sweep's requests was or is due; absent without a date. */
  dueAt?: string;
  /** The sweep whose failed and unknown users this one processes again. */
  redriveOf?: string;
  /** Who approved the sweep, if it had to be approved: not verified, unless `approvalSigned`. */
  approvedBy?: string;
  /** The workers have verified the approvers' signatures. */
  approvalSigned?: true;
  /** The result of the compensation task, when the input named one and the sweep did not complete. */
  compensationTask?: OffboardResult['compensationTask'];
  /** `notApproved`: no approval came within `approveWithin`, so that no user was offboarded. */
  cancelledBecause?: 'notApproved';
}

/**
 * What the approvers of a sweep sign besides its ID and number of users, if the operator's policy requires signatures.
 */
export interface ApprovalTerms {
  /** SHA-256 over the sweep's users, in hex. */
  snapshotDigest: string;
  /** SHA-256 over what is done for each user, in hex. */
  planDigest: string;
  /** Where they are deleted: `batch=default,plaid=production`. */
  environment: string;
  /** Number of different approvers who have to sign. */
  signatures: number;
}

/** What a sweep is doing. */
export type SweepPhase =
  'reading' | 'waitingForApproval' | 'users' | 'bulk' | 'waiting' | 'paused' | 'closing' | 'ended';

/** The result of the query `progress` of `offboardUsers`. It contains numbers, never a user's ID. */
export interface SweepProgress extends SweepResult {
  phase: SweepPhase;
  /** Number of the pass through all unfinished users, from 1. */
  round: number;
  /** Number of chunks, or children, in progress. */
  underWay: number;
  /** Number of users who lack only a bulk call; counted as pending. */
  waitingForBulk: number;
  /** The titles of the providers; absent in runs of earlier versions. */
  titles?: ProviderTitles;
  /** While the sweep waits for signed approvals: what to sign, and who has signed. */
  toSign?: ApprovalTerms & { signedBy: readonly string[] };
  /** Manual steps, with the number of users who wait; absent when there are none. Counted as pending. */
  waitingForPerson?: readonly StepWait[];
  /** ISO 8601: when the next of the deferred users may be tried again, while all of them have to wait. */
  nextTryAt?: string;
  /** ISO 8601. */
  startedAt: string;
  /**
   * ISO 8601: when the time for the work ends; absent while it moves, because the sweep waits for its approval or is
   * paused.
   */
  deadline?: string;
  /** ISO 8601: when the sweep is cancelled unless it is approved; only while it waits for approval. */
  approveUntil?: string;
}

/** The titles of a sweep's providers. */
export interface ProviderTitles {
  /** Providers that are called for bulk deletions when everything else is done. */
  bulk: readonly string[];
  /** The others. */
  others: readonly string[];
}

/** Returns the words for users who wait for bulk calls: where they are done, and what they wait for. */
export function bulkWords(titles: ProviderTitles | undefined): { done: string; waiting: string; calls: string } {
  const { bulk = [], others = [] } = titles ?? {};
  const at = bulk.join(' and ');
  return {
    done: others.length > 0 ? `done at ${others.join(' and ')}` : 'done so far',
    waiting: `waiting for ${at || 'bulk calls'}`,
    calls: at === '' ? 'bulk calls' : `bulk calls at ${at}`,
  };
}

/** Users who wait for a manual step; the update `completeStep` reports it. */
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
 * Returns the status of a sweep that ended by itself, by the same rule as for one user (`statusOf`), with each user as
 * a step. Users on hold are left out on purpose and do not count against it; a rejected row is a user who was not
 * offboarded.
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
