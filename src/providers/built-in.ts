import type { ConvergePlan } from '../policy/converge';
import { compilePlan } from '../policy/providers/compiled-plan';
import type { CompiledPlan } from '../policy/providers/compiled-plan';
import type { StepPlan } from '../policy/providers/step-plan';
import type { StepResult } from '../policy/offboard-result';
import type { RemovedItems } from '../policy/steps/step';
import { batchProvider } from './batch/provider';
import type { BatchOptions } from './batch/provider';
import { plaidProvider } from './plaid/provider';
import { stepPlanOf } from './plan';

/** How a call to Plaid names its user. */
export type PlaidUser = { user_id: string } | { user_token: string };

/** What determines the steps at the providers that come with the package. */
export interface BuiltInChoices {
  removeUser: boolean;
  /** Steps that are left out on request. */
  exclude?: readonly string[];
  batchMode: NonNullable<BatchOptions['mode']>;
  /** The names of the configured Batch app keys. */
  batchApps: readonly string[];
}

/** Everything that is decided before the first call for one user at those providers. */
export interface BuiltInRun extends BuiltInChoices {
  plaidUser?: PlaidUser;
  batchUserId?: string;
  /** Only these Items; all when absent. */
  itemIds?: readonly string[];
  reason: { code: string; note?: string };
  dryRun: boolean;
  onFailure: 'continue' | 'stop';
  notFoundIsFine: boolean;
  verifyRemovals?: ConvergePlan['verifyRemovals'];
  /** What the ledger knows from earlier runs. */
  known: {
    /** Steps with a receipt that saw, removed or had accepted this user. */
    steps: readonly string[];
    /** A receipt saw or removed at least one Item of this user. */
    hadItems: boolean;
    /** Requested Items that a receipt saw or removed. */
    itemIds: readonly string[];
    /** What earlier rounds of a sweep, which start over each time, had confirmed as removed: never sent again. */
    removedBefore?: RemovedItems;
    /** Steps other than the Items' that such a round has done. They are not done again. */
    doneBefore?: readonly StepResult[];
  };
}

/** Returns the plan of the providers that come with the package. Runs without a recorded plan follow it, too. */
export function builtInStepPlan({ removeUser, exclude = [], batchMode, batchApps }: BuiltInChoices): StepPlan {
  return stepPlanOf({
    providers: [
      { provider: plaidProvider(), keys: ['default'] },
      { provider: batchProvider(), keys: batchApps },
    ],
    options: { plaid: { removeUser }, batch: { mode: batchMode, findsFilings: false } satisfies BatchOptions },
    exclude,
  });
}

/** The provider whose calls the input's `rate` limits. */
export const RATED_PROVIDER = 'plaid';

/** Returns the options of the providers that come with the package, from the fields of a sweep's plan. */
export function builtInOptions({ removeUser, batchMode }: Pick<BuiltInChoices, 'removeUser' | 'batchMode'>) {
  return { plaid: { removeUser }, batch: { mode: batchMode } };
}

/**
 * Returns {@link builtInStepPlan} for the keys of these services. A step without a key is included and fails on the
 * missing key.
 */
export function builtInStepPlanOf(
  choices: Omit<BuiltInChoices, 'batchApps'>,
  services: ReadonlyMap<string, { readonly keySlots: readonly string[] }>,
): StepPlan {
  return builtInStepPlan({ ...choices, batchApps: services.get('batch')?.keySlots ?? ['default'] });
}

/** Returns {@link builtInStepPlan}, compiled once for many users. */
export function builtInPlan(choices: BuiltInChoices): CompiledPlan {
  return compilePlan(builtInStepPlan(choices));
}

/**
 * Returns what the machine interprets for one user.
 *
 * @param plan From {@link builtInPlan} for the same choices; made once for many users.
 */
export function builtInRun(run: BuiltInRun, plan: CompiledPlan = builtInPlan(run)): ConvergePlan {
  const { plaidUser, batchUserId, itemIds, reason, dryRun, onFailure, notFoundIsFine, verifyRemovals, known } = run;
  const { removedBefore, doneBefore } = known;
  return {
    plan,
    ids: {
      plaid: {
        ...(plaidUser && 'user_id' in plaidUser && { userId: plaidUser.user_id }),
        ...(plaidUser && 'user_token' in plaidUser && { userToken: plaidUser.user_token }),
        ...(itemIds && { itemIds }),
      },
      batch: batchUserId === undefined ? {} : { userId: batchUserId },
    },
    reason,
    callSeed: '',
    dryRun,
    onFailure,
    notFoundIsFine,
    ...(verifyRemovals && { verifyRemovals }),
    known: {
      steps: known.steps,
      hadItems: known.hadItems ? ['plaid'] : [],
      entries: { 'plaid.itemIds': known.itemIds },
      ...(removedBefore && { removedBefore: new Map([['plaid.items', removedBefore]]) }),
      ...(doneBefore && { doneBefore }),
    },
  };
}
