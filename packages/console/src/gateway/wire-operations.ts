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
