import type { StepResult, CompensationLine } from '../policy/offboard-result';
import type { TargetId, TargetReference } from '../policy/target-reference';

/**
 * What a workflow of this package tells a task's activity beside the task's input. Callers of their own leave it out;
 * the activity then answers the task's output alone.
 */
export interface StepContext {
  /** The step of the off-boarding, for the receipts. */
  step: string;
  /** Keyed hashes of all ids of the user: a hold on any of them forbids the call. */
  holdSubjects: readonly string[];
  /** Whose ids are put in the place of the placeholders in the input. */
  target?: TargetReference;
}

/** What a task's activity answers to a workflow of this package. */
export interface TaskEnvelope {
  status: number;
  /** Temporal's number of the attempt that was answered, from 1: earlier ones may have reached the provider too. */
  attempt: number;
  output: unknown;
  requestId?: string;
  token?: string;
}

/** Who is to be off-boarded, as the first activity of a run gets it. */
export interface PrepareOffboarding {
  user: { plaidUserId?: string; plaidUserToken?: string; batchUserId?: string; sweepId?: string; seq?: number };
  itemIds?: readonly string[];
  usesBatch: boolean;
  /** The compensation task, to be refused at once when the worker does not know it or would not send it. */
  compensation?: { task: string; input?: unknown };
}

/** What only a worker knows, and a run has to know before its first call. Ids are keyed hashes. */
export interface Preparation {
  /** The subject the receipts of this run stand under. */
  subject: string;
  /** One for each given id. */
  subjects: string[];
  held: boolean;
  environment: string;
  /** The names of the configured Batch app keys. */
  batchApps: string[];
  /** Steps of which this ledger has a good receipt about this user. */
  knownSteps: string[];
  /** This ledger has seen or removed at least one Item of this user. */
  hadItems: boolean;
  /** Those of the asked Items that this ledger has seen or removed; positions in the input's, or the target's, `itemIds`. */
  knownItems: number[];
  /** Who a user of a sweep is, as far as a history may know it. */
  target?: {
    ids: TargetId[];
    /** Only these Items. */
    itemIds?: string[];
    /** The user's id at Batch, where it is one that no URL can carry (`.` or `..`). */
    unroutableBatchUserId?: string;
  };
  /** The search attributes that the run may write; absent when there is none, and in answers of versions before. */
  searchAttributes?: string[];
}

/** The end of a run, as it is written to the ledger. */
export interface RecordEnd {
  /** Only some Items of the user were asked for; versions before did not say. */
  someItems?: boolean;
  subject: string;
  environment: string;
  steps: readonly StepResult[];
  compensations: readonly CompensationLine[];
}

/** What the ledger knows better about the end of a run than the run itself. */
export interface RecordedEnd {
  /** Steps with a call that has an intent and no outcome: perhaps it was sent. */
  perhapsSent: string[];
  /** Positions of steps that no call of the run bears out; absent when there are none, and in versions before. */
  notBorneOut?: number[];
}

/** The activities of the off-boarding workflows that are no HTTP tasks. Their names are permanent. */
export interface OffboardingActivities {
  /**
   * Answers what a run has to know before its first call. Changes nothing.
   * Fails `Task.InvalidInput` when a bearer token stands in an unencrypted input, a needed service has no keys or the
   * compensation task is not known, and `Task.LedgerUnavailable` (retried).
   */
  'httpTasks.prepareOffboarding'(input: PrepareOffboarding): Promise<Preparation>;
  /** Fails `Task.InvalidInput` unless this worker runs a task of that name and the input fits it. Changes nothing. */
  'httpTasks.checkTask'(input: { task: string; input: unknown }): Promise<void>;
  /**
   * Writes the end of the calling workflow's run to the ledger. What became of a step is taken from the run's calls in the
   * ledger: steps of a cancelled run that were perhaps sent, and steps that no call bears out, are `unknown`. Returns those
   * steps; repeating it changes nothing. The first versions returned nothing.
   */
  'httpTasks.recordEnd'(input: RecordEnd): Promise<RecordedEnd | undefined>;
}
