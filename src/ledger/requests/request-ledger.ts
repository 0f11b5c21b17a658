import type { DueCalendar, RequestFacts } from '../../policy/legal-clock';
import type { Law } from '../../policy/request-claims';
import type { HoldEnvironments } from '../ledger';

/** What a request is about. */
export interface RequestPlace {
  /** The ID of the workflow or sweep. */
  workflowId: string;
  /** The workflow's first run; empty for a sweep. */
  firstRun: string;
}

/** A request to be recorded, for a run, for a whole sweep, or before anything is started. */
export interface NewRequest extends RequestPlace {
  facts: RequestFacts;
  /** Keyed hashes of the user's IDs; empty for a whole sweep. */
  subjects: readonly string[];
  /** The environments by service for which they are hashes. */
  environments: HoldEnvironments;
  /** The caller's own name for the case; stored encrypted. */
  reference?: string | undefined;
  /** The code of the reason. */
  reason?: string | undefined;
  /** The sweep whose users this one takes up again; its request becomes this one's. */
  redriveOf?: string | undefined;
}

/** A request of the register. */
export interface RegisteredRequest {
  id: number;
  /** The run, the sweep, or nothing yet. */
  kind: 'run' | 'sweep' | 'user' | 'recorded';
  /** Absent while nothing was started. */
  workflowId?: string;
  /** The user's number in its sweep, from 0. */
  seq?: number;
  /** The keyed hash by which receipts know the user; absent for a whole sweep. */
  subject?: string;
  reference?: string;
  law: Law;
  /** As it was given. */
  receivedAt?: string;
  /** ISO 8601, UTC, like all times below. */
  dueAt?: string;
  requestedBy?: string;
  reason?: string;
  recordedAt: string;
  extended?: RequestDecision;
  refused?: RequestDecision;
  /** How the run, the sweep or the user's part of it ended; absent until then. */
  outcome?: string;
  endedAt?: string;
  /** Whether it was carried out. */
  done: boolean;
}

/** An extension or a refusal. */
export interface RequestDecision {
  at: string;
  by: string;
  reason: string;
}

/** Which requests are read. */
export interface RequestFilter {
  /** Only those that are neither done nor refused. @default false */
  open?: boolean | undefined;
  /** Only those that are due before this moment. */
  dueBefore?: Date | undefined;
  afterId: number;
  limit: number;
}

/** What a sweep's requests are together. */
export interface SweepRequests {
  /** Requests of single users. */
  users: number;
  /** The earliest, as ISO 8601. */
  receivedAt?: string;
  dueAt?: string;
}

/** The register in numbers. */
export interface RegisterState {
  /** Requests that are neither done nor refused. */
  open: number;
  /** Those of them whose due date has passed. */
  overdue: number;
  /** Those of them that are due within the given time. */
  dueSoon: number;
  /** The earliest due date of them that lies ahead, as ISO 8601. */
  nextDueAt?: string;
}

/** Thrown for a decision about a request that cannot be made; the message says why and what to do. */
export class RequestConflictError extends Error {
  override readonly name = 'RequestConflictError';
}

/**
 * The register of requests. All methods reject with `LedgerUnavailableError` when the database is unavailable. Requests of
 * users of sweeps are recorded with their rows, see `SweepLedger.appendTargets`, and end with `SweepLedger.endRequests`.
 */
export interface RequestLedger {
  /**
   * Records a request, and returns it as it is in the register. Idempotent. An open request with the same day of receipt
   * and a common ID is the same request: it now belongs to this run, and keeps its due date, extension and reference.
   *
   * @returns Undefined without any fact that starts a time limit, unless an earlier request is continued.
   */
  record(request: NewRequest): Promise<RegisteredRequest | undefined>;
  /** Records how a run or a whole sweep ended. A request without a row is ignored. */
  end(end: RequestPlace & { outcome: string }): Promise<void>;
  /** Returns what the open requests of a sweep are together. */
  ofSweep(sweepId: string): Promise<SweepRequests>;
  /** Stores what is sealed about the request of a run. The first is kept. */
  recordRunAbout(about: { workflowId: string; runId: string; about: string }): Promise<void>;
  /** Returns requests in the order in which they were recorded. */
  list(filter: RequestFilter): Promise<RegisteredRequest[]>;
  find(id: number): Promise<RegisteredRequest | undefined>;
  /** Returns the request of a run or of a whole sweep. */
  findOf(place: RequestPlace): Promise<RegisteredRequest | undefined>;
  /**
   * Extends the time of a request once, as its law allows, and returns it with its new date.
   *
   * @throws RequestConflictError for a request that is done, refused, extended, late, or under no law with an extension.
   */
  extend(decision: Decision & DueCalendar): Promise<RegisteredRequest>;
  /**
   * Refuses a request, and sets a hold on its user, so that no run and no sweep carries it out.
   *
   * @throws RequestConflictError for a request that is done or refused, or that is a whole sweep's.
   */
  refuse(decision: Decision): Promise<RegisteredRequest & { holdId: string }>;
  state(at: { now: Date; soonMs: number }): Promise<RegisterState>;
  /** Deletes requests that ended or were refused before a moment; returns how many. Open ones stay. */
  purge(before: Date): Promise<number>;
}

/** A decision about a request. */
export interface Decision {
  id: number;
  /** Who decides: a claim. */
  by: string;
  reason: string;
  now: Date;
}
