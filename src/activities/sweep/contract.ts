import type { RequestClaims } from '../../policy/request-claims';
import type { StepResult } from '../../policy/offboard-result';
import type { Outcome } from '../../policy/outcome';
import type { SourceSpec } from '../../policy/source-spec';
import type { ApprovalTerms, OutcomeCounts, ProviderTitles, SweepStatus } from '../../policy/sweep-result';
import type { Tolerance } from '../../policy/sweep-input';
import type { BuiltInRun } from '../../providers/built-in';

/*
 * Messages between the workflow `offboardUsers` and its activities. All of it is in histories, so it contains numbers,
 * sequence numbers and outcomes, and never an ID of a user, an Item or a source's row.
 */

/** A limit for one key in calls a minute that a sweep requests; null removes it. */
export interface RateRequest {
  service: string;
  /** Empty for a service with one key. */
  keySlot: string;
  callsPerMinute: number | null;
}

/**
 * How a sweep's first activity finds or creates it. The activity asks the server which run calls it; earlier versions
 * had the run in this input.
 */
export interface OpenSweep {
  /** Decisions about the sweep that never change; absent in runs that 0.1.0 began. */
  terms?: { plan: ChunkPlan; needsApproval: boolean; maxUsers: number };
  snapshot?: string;
  redriveOf?: string;
  skipDone: boolean;
  /** In runs of earlier versions: whether the worker needs keys for Batch. */
  usesBatch?: boolean;
  compensation?: { task: string; input?: unknown };
  /** The sweep's own limit on calls to Plaid, in calls a minute; earlier versions set it with `httpTasks.setRate` only. */
  rate?: number | undefined;
  /** The claims of the input about the request; absent without any, and in runs of earlier versions. */
  request?: RequestClaims;
}

/** What a run needs to know before it reads its source. */
export interface OpenedSweep {
  /** The workflow's ID, unless an earlier run of that ID has used it. */
  sweepId: string;
  /** The names of the configured Batch app keys; in results of earlier versions only. */
  batchApps?: string[];
  /** The title of each manual step. */
  personSteps?: Readonly<Record<string, string>>;
  /** The titles of the providers. */
  titles?: ProviderTitles;
  /** The search attributes that the run may write; absent when there are none. */
  searchAttributes?: string[];
  /** The rate of the input is set; absent without one, and in results of earlier versions. */
  isRated?: boolean;
}

/** The users to offboard. */
export interface TakeSnapshot {
  sweepId: string;
  /** Absent for a snapshot that was taken elsewhere, and for a redrive. */
  source?: SourceSpec;
  /** ISO 8601: bound to `:scheduledTime` of queries. */
  scheduledTime: string;
  /** The ID of the Schedule that started the run; absent for any other start, and in runs of earlier versions. */
  scheduleId?: string;
  /** Used for a sweep that 0.1.0 opened; others have their limit in the ledger. */
  maxUsers: number;
  badRows: Tolerance;
  /** The users get GDPR requests, which the sweep's plan does not contain. @default false */
  gdpr?: boolean;
  /** The users get GDPR requests in addition to the deletion of custom data. */
  both?: boolean;
}

/** The users of a sweep, when all are known. */
export interface Snapshot {
  total: number;
  duplicates: number;
  rejected: number;
  /** What has to be signed before the first call; absent unless the operator's policy requires it. */
  approval?: ApprovalTerms;
  /** When the first of the sweep's requests is due (ISO 8601, UTC); absent without a date. */
  dueAt?: string;
}

/** How every user of a sweep is offboarded. */
export interface ChunkPlan extends Pick<
  BuiltInRun,
  'reason' | 'removeUser' | 'dryRun' | 'onFailure' | 'notFoundIsFine' | 'verifyRemovals'
> {
  batchMode: 'customData' | 'skip';
  /** Steps that are left out, by their full names. */
  exclude?: readonly string[];
  /** Optional steps that run, by their full names. */
  include?: readonly string[];
  /** Only these providers; all of the worker when absent. */
  providers?: readonly string[];
  /** The input's objects of the providers' own options; absent in runs of earlier versions. */
  options?: Readonly<Record<string, unknown>>;
  /** The rate of a dry run, in calls a minute; decided when the sweep is opened, and not part of a chunk's input. */
  dryRunRate?: number;
}

/** Requests the chunks with users who are left. */
export interface PlanChunks {
  sweepId: string;
  /** Maximum number of users in a chunk. */
  chunkSize: number;
  /** Maximum number of chunks in the response. */
  limit: number;
  /** The first user (seq) to check. */
  fromSeq: number;
}

/** The chunks with users who are left. */
export interface PlannedChunks {
  chunks: { fromSeq: number; toSeq: number; users: number; notBefore?: string }[];
  /** Where to continue; absent after the last chunk. */
  nextSeq?: number;
  /** The counts at the time of the request. */
  counts: OutcomeCounts;
  /** Number of users who lack only a bulk call; counted as pending. */
  waitingForBulk: number;
  /** Number of users who failed or are unknown, including those who wait for a bulk call. */
  failed: number;
  /** Number of users who wait for a bulk call, by queue. */
  readyForBulk: Record<string, number>;
  /** Number of users who wait for a manual step, by step; absent when there are none. */
  waitingForPerson?: Record<string, number>;
  /** Everything is stopped (`http-tasks stop`). */
  stopped?: boolean;
  /** The rule of the operator's policy that forbids the next users. */
  notAllowed?: string;
}

/** One chunk: the users of a sweep from one seq to another, both included. */
export interface ChunkInput {
  sweepId: string;
  fromSeq: number;
  toSeq: number;
  /** Number of users of the range who are not done, for its heartbeats; absent in earlier versions. */
  users?: number;
  /** Used for a sweep that 0.1.0 opened, see `planOfSweep`; others have their plan in the ledger. */
  plan: ChunkPlan;
  /** How long users may be started, in milliseconds. */
  beginForMs: number;
  /** The chunk stops when more users of the whole sweep than this failed or are unknown. */
  mostFailed?: number;
}

/** Progress of a chunk in this attempt. Numbers of users only, since it is also in heartbeats. */
export interface ChunkProgress {
  /** Number of users whose intent this attempt recorded. */
  opened: number;
  /** Number of users with an outcome; those who wait for a bulk call are counted in `waitingForBulk` instead. */
  settled: number;
  waitingForBulk: number;
  /** Number of users who have to be tried again later, perhaps not before `ChunkResult.nextTryAt`. */
  deferred: number;
  /** The settled users under the worst outcome of their steps; outcomes without users are absent. */
  outcomes: Partial<Record<Outcome, number>>;
}

/**
 * Why a chunk ended.
 *
 * - `rangeDone`: no other user of the range could be opened; deferred users remain.
 * - `time`: its time was over; users of the range are left.
 * - `cancelled`: it was cancelled; users in progress were finished or deferred.
 * - `unauthorized`: a provider refused a key; users are deferred as they were.
 * - `tolerance`: more users failed than `mostFailed`.
 * - `stopped`: everything is stopped (`http-tasks stop`); users are deferred as they were.
 * - `notAllowed`: the operator's policy forbids the next users; those who were started were finished or deferred.
 * - `fenced`: another attempt has taken over the chunk, or the sweep is sealed; this one wrote and sent nothing more.
 */
export type ChunkEnd =
  'rangeDone' | 'time' | 'cancelled' | 'unauthorized' | 'tolerance' | 'stopped' | 'notAllowed' | 'fenced';

/** A key that a provider refused; the slot is absent for a service with one key. */
export interface RefusedKey {
  service: string;
  slot?: string;
}

/** The result of a chunk. */
export interface ChunkResult extends ChunkProgress {
  end: ChunkEnd;
  unauthorized?: RefusedKey;
  /** With `notAllowed`: the rule of the operator's policy. */
  rule?: string;
  /** ISO 8601: when the first of the deferred users may be tried again. */
  nextTryAt?: string;
}

/** Requests the bulk calls of one step, until no user waits any more or the time is over. */
export interface RunBulk {
  sweepId: string;
  /** The queue, from `readyForBulk`. */
  app: string;
  beginForMs: number;
  mostFailed?: number;
}

/** The result of bulk calls. */
export interface BulkResult {
  /** Number of calls with a response, including refusals. */
  calls: number;
  outcomes: Partial<Record<Outcome, number>>;
  end: 'done' | 'time' | 'cancelled' | 'unauthorized' | 'tolerance' | 'stopped' | 'notAllowed' | 'fenced' | 'later';
  unauthorized?: RefusedKey;
  /** With `notAllowed`: the rule of the operator's policy. */
  rule?: string;
  /** ISO 8601, with `later`: the provider asked to wait, or could not be reached. */
  nextTryAt?: string;
}

/** Records a final outcome for every user who is not done. */
export interface CloseTargets {
  sweepId: string;
  /**
   * `deadline`: they have failed. `cancelled`: users who are partly done have failed, and the others are skipped. Users
   * to whom a call may have been sent are `unknown` in both.
   */
  reason: 'deadline' | 'cancelled';
}

/** Ends a sweep: seals its receipts, records its status, deletes the IDs that are no longer needed. */
export interface EndSweep {
  sweepId: string;
  cancelled: boolean;
  notFoundIsFine: boolean;
}

/** A sealed sweep. */
export interface EndedSweep {
  status: Extract<SweepStatus, 'completed' | 'partial' | 'failed' | 'cancelled'>;
  counts: OutcomeCounts;
  merkleRoot: string;
}

/** Requests the next users for child workflows. */
export interface OpenChildren {
  sweepId: string;
  limit: number;
  /** A number of the caller's, different for each request: repeating it returns the same users. */
  wave: number;
  /** From the previous response; absent in the first request of a run, which takes over from any earlier one. */
  fence?: number;
}

/** Users with a recorded intent; a child with `user: {sweepId, seq}` offboards each. */
export interface OpenedChildren {
  /** Everything is stopped (`http-tasks stop`), so that no user got an intent. */
  stopped?: boolean;
  /** The rule of the operator's policy because of which no user got an intent. */
  notAllowed?: string;
  fence: number;
  users: { seq: number; round: number }[];
}

/** Outcomes of some of those users. */
export interface RecordChildren {
  sweepId: string;
  fence: number;
  users: { seq: number; round: number; steps: StepResult[] }[];
}

/** An update that changes what a sweep may do, before it takes effect. */
export interface RecordUpdate {
  sweepId: string;
  update: 'approve' | 'resume' | 'setRate' | 'completeStep';
  /** With it the server is queried for the stored form of the update. */
  updateId: string;
  /** With `approve`. */
  approval?: { total: number; by: string; signature?: string | undefined };
  /** With `setRate`; absent in earlier versions. */
  rate?: RateRequest;
  /** With `completeStep`. */
  completed?: CompletedStep;
}

/** The reported outcome of a manual step for the users who wait for it. */
export interface CompletedStep {
  step: string;
  outcome: 'removed' | 'skipped' | 'failed';
  evidence?: string | undefined;
  /** Only these users; all who wait when absent. */
  seqs?: readonly number[] | undefined;
}

/** The ledger's state after an update. */
export interface RecordedUpdate {
  /** The approvers: the first, or all who signed. */
  approvedBy?: string;
  /** The signatures that have been verified; `approvedBy` is absent until there are enough. */
  signedBy?: string[];
  /** With `completeStep`: how many users no longer wait. */
  completed?: number;
  /** With `completeStep`: number of users who still wait for a manual step, by step. */
  waitingForPerson?: Record<string, number>;
}

/**
 * The activities of `offboardUsers`. Their names are permanent. All fail `Task.InvalidInput` for any run but the
 * sweep's own.
 */
export interface SweepActivities {
  /**
   * Finds or creates the sweep in the ledger and claims it for this run. Repeating it changes nothing.
   * Fails `Task.InvalidInput` (field `snapshot`, `redriveOf`, `batch.mode` or `compensation.…`).
   */
  'httpTasks.openSweep'(input: OpenSweep): Promise<OpenedSweep>;
  /**
   * Reads the source, or the sweep that is redriven, into the ledger; continues where an earlier attempt stopped. Fails
   * `Task.InvalidInput` (field `source…` or `maxUsers`) for a source that is wrong, empty, too large or has too many
   * bad rows.
   */
  'httpTasks.takeSnapshot'(input: TakeSnapshot): Promise<Snapshot>;
  'httpTasks.planChunks'(input: PlanChunks): Promise<PlannedChunks>;
  /** Offboards the users of a chunk. Most of it is irreversible; it may be repeated at any time. */
  'httpTasks.runChunk'(input: ChunkInput): Promise<ChunkResult>;
  'httpTasks.runBulk'(input: RunBulk): Promise<BulkResult>;
  'httpTasks.closeTargets'(input: CloseTargets): Promise<void>;
  'httpTasks.endSweep'(input: EndSweep): Promise<EndedSweep>;
  'httpTasks.setSweepStatus'(input: { sweepId: string; status: SweepStatus; pausedBecause?: string }): Promise<void>;
  /**
   * Sets a rate of the calling run's own sweep, which ends with it. Does nothing in a dry run. Fails
   * `Task.InvalidInput` for a service or key that this worker does not have, and is retried until the sweep is opened.
   */
  'httpTasks.setRate'(input: RateRequest): Promise<void>;
  /**
   * Records an approval, and permits any of these updates to take effect. Repeating it changes nothing. Fails
   * `Task.InvalidInput` when the approved number is not that of the ledger, and `Encryption.PlaintextRefused` for an
   * update in plain text if that is refused.
   */
  'httpTasks.recordUpdate'(input: RecordUpdate): Promise<RecordedUpdate>;
  'httpTasks.openChildren'(input: OpenChildren): Promise<OpenedChildren>;
  'httpTasks.recordChildren'(input: RecordChildren): Promise<void>;
}
