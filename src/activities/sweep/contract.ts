import type { StepResult } from '../../policy/offboard-result';
import type { Outcome } from '../../policy/outcome';
import type { SourceSpec } from '../../policy/source-spec';
import type { ApprovalTerms, OutcomeCounts, ProviderTitles, SweepStatus } from '../../policy/sweep-result';
import type { Tolerance } from '../../policy/tolerance';
import type { BuiltInRun } from '../../providers/built-in';

/*
 * What the workflow `offboardUsers` and its activities say to each other. All of it stands in histories, so that it
 * holds numbers, sequence numbers and outcomes, and never an id of a user, an Item or a source's row.
 */

/** A limit in calls a minute that a sweep is to have for one key; null takes it back. */
export interface RateWish {
  service: string;
  /** Empty for a service with one key. */
  keySlot: string;
  callsPerMinute: number | null;
}

/**
 * A sweep as its first activity finds or makes it. Which run opens it the activity asks the server; versions before put it
 * into this input.
 */
export interface OpenSweep {
  /** What is decided about the sweep, once and for all; absent in runs that 0.1.0 began. */
  terms?: { plan: ChunkPlan; needsApproval: boolean; maxUsers: number };
  snapshot?: string;
  redriveOf?: string;
  skipDone: boolean;
  /** In runs of earlier versions: whether the worker needs keys for Batch. */
  usesBatch?: boolean;
  compensation?: { task: string; input?: unknown };
  /** The sweep's own limit on calls to Plaid, in calls a minute; earlier versions set it with `httpTasks.setRate` only. */
  rate?: number | undefined;
}

/** What a run has to know before it reads its source. */
export interface OpenedSweep {
  /** The workflow's id, unless an earlier run of that id has used it. */
  sweepId: string;
  /** The names of the configured Batch app keys; in results of earlier versions only. */
  batchApps?: string[];
  /** The title of each step that a person does. */
  personSteps?: Readonly<Record<string, string>>;
  /** The titles of the providers. */
  titles?: ProviderTitles;
  /** The search attributes that the run may write; absent when there is none. */
  searchAttributes?: string[];
}

/** Who is to be off-boarded. */
export interface TakeSnapshot {
  sweepId: string;
  /** Absent for a snapshot that somebody else took, and for a redrive. */
  source?: SourceSpec;
  /** ISO 8601: bound to `:scheduledTime` of queries. */
  scheduledTime: string;
  /** The ID of the Schedule that started the run; absent for any other start, and in runs of earlier versions. */
  scheduleId?: string;
  /** Counts for a sweep that 0.1.0 opened; others have theirs in the ledger. */
  maxUsers: number;
  badRows: Tolerance;
  /** The users get GDPR requests, which the sweep's plan does not say. @default false */
  gdpr?: boolean;
  /** The same beside the custom data. */
  both?: boolean;
}

/** The users of a sweep, once all are known. */
export interface Snapshot {
  total: number;
  duplicates: number;
  rejected: number;
  /** What has to be signed before the first call; absent unless the operator's policy asks for it. */
  approval?: ApprovalTerms;
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
  /** The calls a minute that a dry run was given; decided when the sweep is opened, and no part of a chunk's input. */
  dryRunRate?: number;
}

/** Asks where users are left. */
export interface PlanChunks {
  sweepId: string;
  /** Users in a chunk, at most. */
  chunkSize: number;
  /** Chunks in one answer, at most. */
  limit: number;
  /** From the first user (seq) on. */
  fromSeq: number;
}

/** Where users are left. */
export interface PlannedChunks {
  chunks: { fromSeq: number; toSeq: number; users: number; notBefore?: string }[];
  /** Where to ask on; absent after the last. */
  nextSeq?: number;
  /** As they were when it was asked. */
  counts: OutcomeCounts;
  /** Users who are done but for a bulk call; counted as pending. */
  waitingForBulk: number;
  /** Users who failed or are unknown, those among them who wait for a bulk call included. */
  failed: number;
  /** Users who wait for a bulk call, by queue. */
  readyForBulk: Record<string, number>;
  /** Users who wait for a person, by step; absent when there are none. */
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
  /** So many users of the range are not done, for its heartbeats; versions before did not tell. */
  users?: number;
  /** Counts for a sweep that 0.1.0 opened, see `planOfSweep`; the others have theirs in the ledger. */
  plan: ChunkPlan;
  /** No more users are begun after so long. */
  beginForMs: number;
  /** The chunk stops when more users of the whole sweep than this failed or are unknown. */
  mostFailed?: number;
}

/** How far a chunk has come in this attempt. Numbers of users only, since it also stands in heartbeats. */
export interface ChunkProgress {
  /** Users whose intent this attempt recorded. */
  opened: number;
  /** Users who came to their end; those who wait for a bulk call are counted in `waitingForBulk` instead. */
  settled: number;
  waitingForBulk: number;
  /** Users who have to be tried again later, perhaps not before `ChunkResult.nextTryAt`. */
  deferred: number;
  /** The settled users under the worst outcome of their steps; outcomes that nobody has are absent. */
  outcomes: Partial<Record<Outcome, number>>;
}

/**
 * Why a chunk ended.
 *
 * - `rangeDone`: nobody else of the range could be opened; deferred users remain.
 * - `time`: its time was over, others of the range are left.
 * - `cancelled`: it was told to stop; what was under way was finished or deferred.
 * - `unauthorized`: a provider refused a key; users are deferred as they stood.
 * - `tolerance`: more users failed than `mostFailed`.
 * - `stopped`: everything is stopped (`http-tasks stop`); users are deferred as they stood.
 * - `notAllowed`: the operator's policy forbids the next users; those who were begun were finished or deferred.
 * - `fenced`: another attempt has taken over the chunk, or the sweep is sealed; this one wrote and sent nothing more.
 */
export type ChunkEnd =
  'rangeDone' | 'time' | 'cancelled' | 'unauthorized' | 'tolerance' | 'stopped' | 'notAllowed' | 'fenced';

/** A key that a provider refused; the slot is absent for a service with one key. */
export interface RefusedKey {
  service: string;
  slot?: string;
}

/** What a chunk answers. */
export interface ChunkResult extends ChunkProgress {
  end: ChunkEnd;
  unauthorized?: RefusedKey;
  /** With `notAllowed`: the rule of the operator's policy. */
  rule?: string;
  /** ISO 8601: when the first of the deferred users may be tried again. */
  nextTryAt?: string;
}

/** Asks for the bulk calls of one step, until no user waits any more or the time is over. */
export interface RunBulk {
  sweepId: string;
  /** The queue, from `readyForBulk`. */
  app: string;
  beginForMs: number;
  mostFailed?: number;
}

/** What bulk calls came to. */
export interface BulkResult {
  /** Calls that were answered or refused. */
  calls: number;
  outcomes: Partial<Record<Outcome, number>>;
  end: 'done' | 'time' | 'cancelled' | 'unauthorized' | 'tolerance' | 'stopped' | 'notAllowed' | 'fenced' | 'later';
  unauthorized?: RefusedKey;
  /** With `notAllowed`: the rule of the operator's policy. */
  rule?: string;
  /** ISO 8601, with `later`: the provider asked to wait, or could not be reached. */
  nextTryAt?: string;
}

/** Writes a last word for everybody who is not done. */
export interface CloseTargets {
  sweepId: string;
  /**
   * `deadline`: they have failed. `cancelled`: who is done in part has failed, and the others are left out. Who may have
   * been sent to is `unknown` in both.
   */
  reason: 'deadline' | 'cancelled';
}

/** The end of a sweep: seals its receipts, keeps its status, deletes the ids nobody needs any more. */
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

/** Asks for the next users who get a child workflow each. */
export interface OpenChildren {
  sweepId: string;
  limit: number;
  /** A number of the caller's, another one for each asking: repeating it answers the same users. */
  wave: number;
  /** From the answer before; absent in the first asking of a run, which takes over from any earlier one. */
  fence?: number;
}

/** Users who got their intent; each is off-boarded by a child with `user: {sweepId, seq}`. */
export interface OpenedChildren {
  /** Everything is stopped (`http-tasks stop`), so that no user got an intent. */
  stopped?: boolean;
  /** The rule of the operator's policy because of which no user got an intent. */
  notAllowed?: string;
  fence: number;
  users: { seq: number; round: number }[];
}

/** What became of some of those users. */
export interface RecordChildren {
  sweepId: string;
  fence: number;
  users: { seq: number; round: number; steps: StepResult[] }[];
}

/** An update that changes what a sweep may do, before it takes effect. */
export interface RecordUpdate {
  sweepId: string;
  update: 'approve' | 'resume' | 'setRate' | 'completeStep';
  /** By which the server is asked how the update is stored. */
  updateId: string;
  /** With `approve`. */
  approval?: { total: number; by: string; signature?: string | undefined };
  /** With `setRate`; earlier versions did not say. */
  rate?: RateWish;
  /** With `completeStep`. */
  completed?: CompletedStep;
}

/** What a person reports about a step for the users who wait for it. */
export interface CompletedStep {
  step: string;
  outcome: 'removed' | 'skipped' | 'failed';
  evidence?: string | undefined;
  /** Only these users; all who wait when absent. */
  seqs?: readonly number[] | undefined;
}

/** What the ledger has after an update. */
export interface RecordedUpdate {
  /** Who approved: the first, or all who signed. */
  approvedBy?: string;
  /** The signatures that have been verified; `approvedBy` is absent until there are enough. */
  signedBy?: string[];
  /** With `completeStep`: how many users no longer wait. */
  completed?: number;
  /** With `completeStep`: users who still wait for a person, by step. */
  waitingForPerson?: Record<string, number>;
}

/** The activities of `offboardUsers`. Their names are permanent. All fail `Task.InvalidInput` for any run but the sweep's own. */
export interface SweepActivities {
  /**
   * Finds or makes the sweep in the ledger and claims it for this run. Repeating it changes nothing.
   * Fails `Task.InvalidInput` (field `snapshot`, `redriveOf`, `batch.mode` or `compensation.…`).
   */
  'httpTasks.openSweep'(input: OpenSweep): Promise<OpenedSweep>;
  /**
   * Reads the source, or the sweep that is redriven, into the ledger, from where an earlier attempt left off.
   * Fails `Task.InvalidInput` (field `source…` or `maxUsers`) for a source that is wrong, empty, too large or has too
   * many bad rows.
   */
  'httpTasks.takeSnapshot'(input: TakeSnapshot): Promise<Snapshot>;
  'httpTasks.planChunks'(input: PlanChunks): Promise<PlannedChunks>;
  /** Off-boards the users of a chunk. Most of it cannot be undone; it may be repeated at any time. */
  'httpTasks.runChunk'(input: ChunkInput): Promise<ChunkResult>;
  'httpTasks.runBulk'(input: RunBulk): Promise<BulkResult>;
  'httpTasks.closeTargets'(input: CloseTargets): Promise<void>;
  'httpTasks.endSweep'(input: EndSweep): Promise<EndedSweep>;
  'httpTasks.setSweepStatus'(input: { sweepId: string; status: SweepStatus; pausedBecause?: string }): Promise<void>;
  /**
   * Sets a rate of the calling run's own sweep, which ends with it. In a dry run it changes nothing. Fails
   * `Task.InvalidInput` for a service or key that this worker does not have, and is retried until the sweep is opened.
   */
  'httpTasks.setRate'(input: RateWish): Promise<void>;
  /**
   * Records an approval, and lets any of these updates take effect. Repeating it changes nothing. Fails
   * `Task.InvalidInput` when the approved number is not that of the ledger, and `Encryption.PlaintextRefused` for an update
   * in plain text where that is refused.
   */
  'httpTasks.recordUpdate'(input: RecordUpdate): Promise<RecordedUpdate>;
  'httpTasks.openChildren'(input: OpenChildren): Promise<OpenedChildren>;
  'httpTasks.recordChildren'(input: RecordChildren): Promise<void>;
}
