import type { WantedRequests } from '../policy/providers/path';
import type { RequestClaims } from '../policy/request-claims';
import type { RunStatus } from '../policy/outcome';
import type { StepResult, CompensationLine } from '../policy/offboard-result';
import type { StepPlan } from '../policy/providers/step-plan';
import type { TargetId, TargetIds, TargetReference } from '../policy/target-reference';
import type { NamedIds } from '../policy/user-ids';
import type { BuiltInChoices } from '../providers/built-in';
import type { HttpTask } from '../tasks/define';

/**
 * What a workflow of this package passes to a task's activity in addition to the task's input. Other callers omit it;
 * the activity then returns only the task's output.
 */
export interface StepContext {
  /** Only these requests of a list are returned. */
  keeps?: WantedRequests;
  /** The step of the offboarding, for the receipts. */
  step: string;
  /** Keyed hashes of all IDs of the user; a hold on any of them forbids the call. */
  holdSubjects: readonly string[];
  /** The user whose IDs replace the placeholders in the input. */
  target?: TargetReference;
  /** The account at the task's provider; absent for the default account. */
  account?: string;
}

/** The result of a task's activity for a workflow of this package. */
export interface TaskEnvelope {
  status: number;
  /** Number of the attempt that got the response, from 1. Earlier attempts may have reached the provider too. */
  attempt: number;
  output: unknown;
  requestId?: string;
  token?: string;
  /** The response says that nothing was done, and an earlier attempt may have done it. */
  perhapsDone?: true;
  /** The response was lost, and this task's read showed that the call was carried out; status and request ID are the read's. */
  settledBy?: string;
}

/** How a lost response of a task of the worker's own is settled; empty unless a read does. */
export type TaskSettling = Partial<Pick<HttpTask, 'settle' | 'absentCodes' | 'absentStatuses'>>;

/** The user to offboard, as the input of a run's first activity. */
export interface PrepareOffboarding {
  user: Omit<NamedIds, 'itemIds'> & {
    account?: string | undefined;
    sweepId?: string | undefined;
    seq?: number | undefined;
  };
  itemIds?: readonly string[];
  usesBatch: boolean;
  /** What decides about the steps; absent in runs of earlier versions, which make their plan themselves. */
  choices?: Omit<BuiltInChoices, 'batchApps'> & { providers?: readonly string[]; include?: readonly string[] };
  /** The code of the reason, for the operator's policy; absent in runs of earlier versions. */
  reason?: string;
  /** Whether the run only looks; absent in runs of earlier versions. */
  dryRun?: boolean;
  /** The claims of the input about the request; absent without any, and in runs of earlier versions. */
  request?: RequestClaims & { reference?: string };
  /** The compensation task; refused early if the worker does not know it or could not send it. */
  compensation?: { task: string; input?: unknown };
}

/** Facts that only a worker knows and that a run needs before its first call. IDs are keyed hashes. */
export interface Preparation {
  /** The subject of this run's receipts. */
  subject: string;
  /** One per given ID. */
  subjects: string[];
  held: boolean;
  environment: string;
  /** The names of the configured Batch app keys. */
  batchApps: string[];
  /** What the run does; absent in responses of earlier versions, and then the run makes the plan itself. */
  plan?: StepPlan;
  /** Steps for which this ledger has a successful receipt about this user. */
  knownSteps: string[];
  /** IDs (`provider.id`) about which this ledger has such a receipt; absent in responses of earlier versions. */
  knownIds?: string[];
  /** Providers at which this ledger has recorded an item of this user; absent in responses of earlier versions. */
  hadItemsAt?: string[];
  /** Positions of known entries in lists of IDs, by `provider.id`; absent in responses of earlier versions. */
  knownEntries?: Record<string, number[]>;
  /** This ledger has recorded at least one Item of this user as seen or removed. */
  hadItems: boolean;
  /**
   * Requested Items that this ledger has recorded as seen or removed; positions in `itemIds` of the input or the
   * target.
   */
  knownItems: number[];
  /** What the history may contain about a user of a sweep. */
  target?: {
    ids: TargetId[];
    /** IDs at other providers; absent if there are none. */
    others?: TargetIds;
    reference?: string;
    /** Limits the run to these Items. */
    itemIds?: string[];
    /** The user's ID at Batch if no URL can contain it (`.` or `..`). */
    unroutableBatchUserId?: string;
  };
  /** The search attributes that the run may write; absent if there are none, and in results of earlier versions. */
  searchAttributes?: string[];
  /** When the request is due, as the register has it (ISO 8601, UTC); absent without a date. */
  dueAt?: string;
  /** The account of the user at each of these providers; absent for the default account of all. */
  accounts?: Record<string, string>;
}

/** The end of a run, to be recorded in the ledger. */
export interface RecordEnd {
  /** How the run ended; earlier versions did not send it. */
  status?: RunStatus;
  /** Whether only some Items of the user were requested; earlier versions did not send it. */
  someItems?: boolean;
  /** Lists of which everything was to be removed; earlier versions did not send it. */
  wholeLists?: readonly string[];
  /** By step: how many calls had a successful response, as the run knows it; earlier versions did not send it. */
  answers?: Readonly<Record<string, number>>;
  subject: string;
  environment: string;
  /** From {@link Preparation}. */
  accounts?: Readonly<Record<string, string>>;
  steps: readonly StepResult[];
  compensations: readonly CompensationLine[];
}

/** Corrections by the ledger to a run's own view of its end. */
export interface RecordedEnd {
  /** Steps with a call that has an intent and no outcome, so it may have been sent. */
  perhapsSent: string[];
  /** Positions of steps that no call of the run confirms; absent if there are none, and in earlier versions. */
  notBorneOut?: number[];
}

/** The activities of the offboarding workflows other than the HTTP tasks. Their names are permanent. */
export interface OffboardingActivities {
  /**
   * Returns what a run needs to know before its first call. Records its request and the reason in the ledger, and changes
   * nothing else; may be repeated.
   *
   * Fails with `Task.InvalidInput` if an unencrypted input contains a bearer token, a required service has no keys, or
   * the compensation task is unknown; fails with `Task.LedgerUnavailable` (retryable).
   */
  'httpTasks.prepareOffboarding'(input: PrepareOffboarding): Promise<Preparation>;
  /**
   * Fails with `Task.InvalidInput` unless this worker has a task with that name and the input is valid for it. Changes
   * nothing. Earlier versions returned nothing.
   */
  'httpTasks.checkTask'(input: { task: string; input: unknown }): Promise<TaskSettling | undefined>;
  /** Returns whether any of these keyed hashes is on hold now. Changes nothing. */
  'httpTasks.checkHold'(input: { subjects: readonly string[] }): Promise<{ held: boolean }>;
  /** Returns when the request of the calling run is due, or with `sweepId` the first request of the run's sweep. */
  'httpTasks.readDueDate'(input: { sweepId?: string }): Promise<{ dueAt?: string }>;
  /**
   * Records the end of the calling workflow's run in the ledger. Outcomes come from the run's calls in the ledger:
   * steps of a cancelled run that may have been sent, and steps that no call confirms, become `unknown`. Returns those
   * steps. Idempotent. The first versions returned nothing.
   */
  'httpTasks.recordEnd'(input: RecordEnd): Promise<RecordedEnd | undefined>;
}
