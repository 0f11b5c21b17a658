/** The JSON exchanged for sweeps, holds, schedules, providers and the policy. Types only, as in wire.ts. */

import type { FormField } from './wire';

/** The form that starts a sweep, without its users. */
export interface SweepForm {
  form: FormField[];
  /** Queries that live workers have, for `query:NAME`. */
  queries: string[];
  /** Absent if unknown. */
  environment?: string;
  production?: boolean;
  /** Why no sweep can be started here. */
  problem?: string;
}

/** A file of users that was uploaded. */
export interface UploadedFile {
  upload: string;
  name: string;
  bytes: number;
  /** SHA-256, in hex. */
  digest: string;
}

/** A sweep to preview or start: a file or a source of the worker, and how its users are offboarded. */
export interface SweepRequest {
  /** From an upload. */
  upload?: string;
  /** `query:NAME` or `file:PATH` of the worker. */
  source?: string;
  /** The input of `offboardUsers` without its source. */
  plan: Record<string, unknown>;
  ignoreColumns?: string[];
  allowPlaceholders?: string[];
  account?: string;
  dryRun?: boolean;
}

/** What a sweep deletes where. */
export interface SweepPlan {
  environment: string;
  /** Also true if it is not known. */
  production: boolean;
  unknownBecause?: string;
  removals: [where: string, what: string][];
}

/** What a sweep would read, and what it would delete where. */
export interface SweepPreview extends SweepPlan {
  source: string;
  /** Absent for a source that the worker reads. */
  file?: {
    users: number;
    rejected: number;
    rejectedRows: { line: number; problem: string }[];
    columns?: { used: string[]; ignored: string[] };
    warnings: string[];
    first: { line: number; reference?: string; account?: string; ids: Record<string, string> }[];
    refused?: { type: string; field?: string; message: string };
  };
  taskQueue: string;
  namespace: string;
}

/** A sweep that was started; unless it is a dry run, it waits for an approval. */
export interface StartedSweep {
  workflowId: string;
  dryRun: boolean;
  /** Of a file. */
  total?: number;
  /** Warnings and advice. */
  said: string[];
}

/** A legal hold; no IDs of users. */
export interface HoldLine {
  holdId: string;
  at: string;
  subjects: string[];
  reason?: string;
  setBy?: string;
  /** By service; `unknown` for a hold of version 0.1.0. */
  environments: Record<string, string[]> | 'unknown';
}

/** A change of a hold. */
export interface HoldLogLine {
  at: string;
  holdId: string;
  change: string;
  by?: string;
  why?: string;
  reason?: string;
}

/** A schedule of sweeps. */
export interface ScheduleLine {
  name: string;
  times: string[];
  timezone: string;
  paused: boolean;
  note?: string;
  nextRun?: string;
  lastRun?: string;
  lastStatus?: string;
  lastWhy?: string;
}

/** Which holds stop which workers, for the IDs of one user. */
export interface HoldCheck {
  /** Whether every worker stops. */
  held: boolean;
  environments: Record<string, { held: boolean; holds: string[] }>;
  holds: HoldLine[];
}

/** The same for each row of a file. */
export interface HoldFileCheck {
  held: number;
  heldInPart: number;
  notHeld: number;
  rows: { line: number; held: boolean; heldIn: string[]; holds: string[] }[];
}

/** What became of the holds of a file. */
export interface HoldFileCounts {
  rows: number;
  set: number;
  extended: number;
  unchanged: number;
}

/** One schedule with its runs. */
export interface SchedulePage {
  name: string;
  times: string[];
  timezone: string;
  jitterMs: number;
  overlap: string;
  catchupWindowMs: number;
  pauseOnFailure: boolean;
  paused: boolean;
  note?: string;
  nextRuns: string[];
  /** Latest last. */
  lastRuns: { workflowId: string; scheduledAt: string; startedAt: string; status: string; why?: string }[];
  /** Runs that wait for the one before. */
  waiting: number;
  started: number;
  skippedByOverlap: number;
  missedCatchupWindow: number;
  taskQueue: string;
  input: unknown;
}

/** A request of the register; no IDs of users. */
export interface RequestLine {
  id: number;
  state: 'open' | 'overdue' | 'done' | 'refused';
  late?: true;
  kind: string;
  workflowId?: string;
  /** The number of the user in its sweep, from 0. */
  seq?: number;
  reference?: string;
  law: string;
  receivedAt?: string;
  dueAt?: string;
  requestedBy?: string;
  recordedAt: string;
  extended?: { at: string; by: string; reason: string };
  refused?: { at: string; by: string; reason: string };
  outcome?: string;
  endedAt?: string;
}

/** One page of the register. */
export interface RequestList {
  requests: RequestLine[];
  /** The number after which the next page begins; absent on the last. */
  after?: number;
}

/** The limit on calls under one key. */
export interface RateLine {
  service: string;
  keySlot?: string;
  callsPerMinute: number;
  by: 'sweep' | 'standing' | 'documented' | 'learned' | 'rising';
  sweepId?: string;
  callsPerMinuteNow: number;
  standing?: number;
}

/** An emergency stop. */
export interface StopLine {
  reason: string;
  by: string;
  at: string;
  liftedBy?: string;
  liftedAt?: string;
}

/** The emergency stop of the workers' ledger. */
export interface StopState {
  /** False if the gateway has no ledger. */
  known: boolean;
  why?: string;
  inForce?: StopLine;
  /** Newest first. */
  earlier: StopLine[];
}

/** What a start did. */
export interface StartedAgain {
  lifted: boolean;
  resumed: string[];
  /** Sweeps that are still paused. */
  paused: string[];
}

/** A provider that the gateway knows. */
export interface ProviderLine {
  provider: string;
  title: string;
  builtIn: boolean;
  file?: string;
  /** Settings that are missing here. */
  missing: string[];
}

/** One provider of a provider file. */
export interface ProviderPage {
  provider: string;
  title: string;
  docs?: string;
  environment?: string;
  production: boolean;
  ids: { id: string; column: string; about: string; list?: boolean; sensitive?: boolean }[];
  steps: { step: string; kind: string; optional?: boolean; calls: string[]; after: string[] }[];
}

/** The operator's policy for this gateway. */
export interface PolicyPage {
  set: boolean;
  file?: string;
  digest?: string;
  rules?: Record<string, unknown>;
}
