import type { Effect } from '../../tasks/define';
import type { Outcome } from '../outcome';
import type { StatePattern } from './path';
import type { Template } from './template';

/** The version of the form of {@link StepPlan}; a run with another one cannot be interpreted. */
export const STEP_PLAN_VERSION = 1;

/** The largest plan, in bytes of its JSON: it is in the history of every run. */
export const MOST_PLAN_BYTES = 64 * 1_024;

/**
 * What the runs of a user or a sweep do, as data. It is decided once, when a run or sweep begins, and interpreted by
 * the policy machine: a run ends with the plan with which it began. It contains no secret and no ID.
 */
export interface StepPlan {
  version: typeof STEP_PLAN_VERSION;
  /** The providers' names for people; absent in plans of earlier versions. */
  titles?: Readonly<Record<string, string>>;
  /** The tasks that the steps call, by name. */
  tasks: Readonly<Record<string, PlannedTask>>;
  /** In execution order. */
  steps: readonly PlannedStep[];
}

/** What a plan contains of a task. The address, schema and keys are the worker's own. */
export interface PlannedTask {
  effect: Effect;
  /** What a successful response means; not used for a read. */
  means: 'removed' | 'accepted';
  /** Provider codes, or HTTP statuses as numbers, that mean that what the call is about does not exist. */
  absent: readonly (string | number)[];
  /** Those of `absent` that are statuses of successes; absent in plans of earlier versions. */
  absentIfGood?: readonly number[];
  /** A lost call is repeated even if no look is possible. A repeat-safe task is always repeated. */
  repeat: boolean;
  summary: string;
  remedy: string;
}

/** A call with the template of its input. */
export interface PlannedCall {
  task: string;
  input: Template;
  /** Good responses that mean that what the call is about does not exist. */
  absent?: readonly StatePattern[];
  /** Good responses that mean that the call failed. */
  failed?: readonly StatePattern[];
  /**
   * Of a look that other steps make too: what it shows counts for those with the same conditions only, and not after a
   * call of the step itself. Absent in plans of earlier versions.
   */
  distinct?: true;
}

/** A read that shows whether something still exists. */
export interface PlannedLook extends PlannedCall {
  /** Time between a lost call and the look, in milliseconds. */
  lagMs: number;
}

/** Skips a step; the first rule that applies gives the reason. */
interface SkipRule {
  /** Applies when the user has none of these IDs at the provider. A rule without it always applies. */
  without?: readonly string[];
  reason: string;
}

/** A step that must have succeeded before. */
export interface AfterRule {
  /** An earlier step; one that is not in the run does not block. */
  step: string;
  /** The outcomes that block. A step that was skipped by such a rule itself counts as failed. */
  unless: readonly Outcome[];
  reason: string;
}

/** The users for whom the step is in the run at all; IDs are `provider.id`. */
export interface WhenRule {
  /** The user has one of these. */
  any?: readonly string[];
  /** The user has none of these. */
  none?: readonly string[];
  /** The user's account at the provider is one of these services, such as `batch` or `batch/acme`. */
  services?: readonly string[];
}

interface PlannedStepBase {
  /** `provider.name`, in receipts; permanent. */
  step: string;
  provider: string;
  /** The task of the results. */
  task: string;
  /**
   * The provider's IDs that the step's calls use; a receipt about any of them proves that the step's subject was known.
   */
  ids: readonly string[];
  /** A good result shows that the provider knew these IDs, for later steps that find nothing. */
  provesIds: boolean;
  /** The name of the key that the step's calls use, where the provider has several. */
  keySlot?: string;
  /** For other users the step has no result at all. */
  when: WhenRule;
  skips: readonly SkipRule[];
  after: readonly AfterRule[];
}

/** One call, or one for each ID of a list. */
export interface OnceStep extends PlannedStepBase {
  kind: 'once';
  act: PlannedCall;
  look?: PlannedLook;
  /** Send nothing for a user whom the look shows to be absent. */
  lookFirst: boolean;
  /** The ID, a list, for each of whose entries the calls are made. */
  each?: string;
  /** The outcome of a call that finds nothing there after an earlier one was lost. */
  absentAfterLost: 'removed' | 'alreadyGone';
  /** How a sweep does it for many users in one call. */
  bulk?: PlannedBulk;
}

/** A call for many users together. */
export interface PlannedBulk extends PlannedCall {
  /** The ID that the call lists. */
  id: string;
  most: number;
  mostBytes: number;
  /** Provider codes of a call that was refused for one of its IDs. */
  refusedFor: readonly string[];
}

/** Removes what a list shows, until the list is empty. */
export interface ListStep extends PlannedStepBase {
  kind: 'list';
  look: PlannedCall & {
    /** Dotted path to the IDs of the items. */
    items: string;
    /** Where a response has the cursor of its next page, and the field of the input that takes it. */
    next?: {
      path: string;
      cursor: string;
      /** The field is a number. */
      number?: boolean;
    };
  };
  act: PlannedCall & {
    /** Whether one call takes the whole list or a single item. */
    takes: 'items' | 'item';
    /** Maximum number of items in one call. */
    most?: number;
    /**
     * The response applies to all items of a call together. Otherwise halves of a refused call are tried, so that one
     * item does not block the others.
     */
    allOrNothing: boolean;
  };
  /** The ID, a list, that names the only items to remove. */
  only?: string;
}

/** Files a request and follows it. */
export interface RequestStep extends PlannedStepBase {
  kind: 'request';
  act: PlannedCall;
  /** Dotted path to the handle in the response to the filing. */
  handle: string;
  follow: PlannedCall & {
    /** Dotted path to the text of the state. */
    state: string;
    done: readonly StatePattern[];
    /** Tested before `done`. */
    failed: readonly StatePattern[];
    /** Tested before `failed`. */
    absent: readonly StatePattern[];
    /** How long a refused check of the request is repeated, in milliseconds. */
    patienceMs: number;
  };
  /** Called once, when the request is in one of these states. */
  proceed?: PlannedCall & { when: readonly StatePattern[] };
  /** Finds the request of a filing whose response was lost. */
  find?: PlannedCall & {
    /** Dotted path to the list of requests; the response itself is the list when it is absent. */
    items?: string;
    /** Dotted paths in a request, with the templates of the values they must have. */
    match: Readonly<Record<string, Template>>;
    /** Dotted path to the handle in a request. */
    handle: string;
  };
}

/** Waits for a report of its outcome. */
export interface ManualStep extends PlannedStepBase {
  kind: 'manual';
  title: string;
  instructions: string;
}

/** One step of a plan. */
export type PlannedStep = OnceStep | ListStep | RequestStep | ManualStep;

/** The kinds of steps. */
export const STEP_KINDS = ['once', 'list', 'request', 'manual'] as const satisfies readonly PlannedStep['kind'][];

/** A step that an earlier end must have done before a user can be left out as done. */
export interface DoneStep {
  /** The provider; a user without an ID there does not need the step. */
  service: string;
  step: string;
  /** The task that must have done it; any when absent. */
  task?: string;
}
