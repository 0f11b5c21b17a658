import { workflowInfo } from '@temporalio/workflow';
import type { z } from 'zod';
import type { Preparation } from '../activities/contract';
import type { ConvergePlan } from '../policy/converge';
import type { offboardUserInput } from '../policy/offboard-input';
import { compilePlan } from '../policy/providers/compiled-plan';
import type { CompiledPlan } from '../policy/providers/compiled-plan';
import { STEP_PLAN_VERSION } from '../policy/providers/step-plan';
import type { StepPlan, PlannedTask } from '../policy/providers/step-plan';
import { placeholderIds } from '../policy/target-reference';
import type { TargetReference } from '../policy/target-reference';
import { idsOf, namedField } from '../policy/user-ids';
import type { ProviderIds } from '../policy/user-ids';
import { builtInPlan } from '../providers/built-in';
import { Catalogue } from '../providers/catalogue';
import type { HttpTask } from '../tasks/define';

type Input = z.output<typeof offboardUserInput>;

/** Everything that is decided before the first call. A run of an earlier version makes its plan itself. */
export function convergePlan(input: Input, preparation: Preparation): ConvergePlan {
  const { plan, batchApps, knownSteps, knownIds, hadItems, hadItemsAt, knownItems, target } = preparation;
  const { removeUser = false } = input.plaid ?? {};
  const { mode = 'customData' } = input.batch ?? {};
  const given = userIdsOf(input, preparation);
  const entries = preparation.knownEntries ?? { 'plaid.itemIds': knownItems };
  const reference = target?.reference ?? input.user.reference;
  return {
    plan: plan ? recordedPlan(plan) : builtInPlan({ removeUser, exclude: input.exclude, batchMode: mode, batchApps }),
    ids: withoutRepeats(given),
    reason: input.reason,
    ...(reference !== undefined && { reference }),
    callSeed: callSeed(),
    dryRun: input.dryRun ?? false,
    onFailure: input.onFailure ?? 'continue',
    notFoundIsFine: input.notFoundIsFine ?? false,
    ...(input.verifyRemovals && { verifyRemovals: input.verifyRemovals }),
    known: {
      steps: knownSteps,
      ...(knownIds && { ids: knownIds }),
      hadItems: hadItemsAt ?? (hadItems ? [namedField('itemIds').provider] : []),
      entries: Object.fromEntries(
        Object.entries(entries).map(([name, positions]) => [name, positions.flatMap((at) => entryOf(given, name, at))]),
      ),
    },
  };
}

/** The same when a run is reset or retried; different for each run of a cron schedule. */
function callSeed(): string {
  const { cronSchedule, firstExecutionRunId, runId } = workflowInfo();
  return cronSchedule === undefined ? firstExecutionRunId : runId;
}

function withoutRepeats(ids: ProviderIds): ProviderIds {
  return Object.fromEntries(
    Object.entries(ids).map(([provider, given]) => [
      provider,
      Object.fromEntries(
        Object.entries(given).map(([id, value]) => [id, typeof value === 'string' ? value : [...new Set(value)]]),
      ),
    ]),
  );
}

function entryOf(ids: ProviderIds, name: string, at: number): string[] {
  const [provider = '', id = ''] = name.split('.');
  const list = ids[provider]?.[id];
  const entry = typeof list === 'object' ? list[at] : undefined;
  return entry === undefined ? [] : [entry];
}

/** The plan may be of a later version. This worker then fails the workflow task, so that a newer one takes it over. */
function recordedPlan(plan: StepPlan): CompiledPlan {
  const version: number = plan.version;
  if (version === STEP_PLAN_VERSION) return compilePlan(plan);
  throw new Error(`The run's plan has version ${version}; this worker reads version ${STEP_PLAN_VERSION}.`);
}

/** For a sweep's user, the run knows which IDs exist, and only the activities know their values. */
function userIdsOf({ user, itemIds: requested }: Input, { target }: Preparation): ProviderIds {
  const itemIds = target?.itemIds ?? requested;
  const given = target ? placeholderIds(target.ids, target.others) : idsOf(user);
  // No URL can contain it, and the run ends with a failure that says so; it proves nothing about the user.
  const unroutable = target?.unroutableBatchUserId;
  return {
    ...given,
    ...(itemIds && { plaid: { ...given.plaid, itemIds } }),
    ...(unroutable !== undefined && { batch: { ...given.batch, userId: unroutable } }),
  };
}

/** Returns the user of a sweep that the run offboards; undefined for a run of its own. */
export function targetOf({ user: { sweepId, seq } }: Input): TargetReference | undefined {
  return sweepId === undefined || seq === undefined ? undefined : { sweepId, seq };
}

const catalogue = new Catalogue();

/** The task as the plan knows it; of two effects the more careful counts. */
export function taskOf(
  name: string,
  planned: PlannedTask | undefined,
): Pick<HttpTask, 'name' | 'generic' | 'effect' | 'summary'> & { service: { name: string } } {
  const known = catalogue.find(name);
  if (!planned) throw new Error(`The plan has no task ${name}.`);
  const effects = [planned.effect, known?.effect];
  const effect =
    (['irreversible', 'repeatSafe', 'read'] as const).find((one) => effects.includes(one)) ?? 'irreversible';
  const [service = ''] = name.split('.', 1);
  return { name, generic: known?.generic ?? false, effect, summary: planned.summary, service: { name: service } };
}

/** The lists of which everything is to be removed. */
export function wholeListsOf({ plan, ids }: ConvergePlan): string[] {
  return plan.steps.flatMap((step) => {
    if (step.kind !== 'list') return [];
    const { step: name, provider, only } = step.plan;
    return only !== undefined && ids[provider]?.[only] !== undefined ? [] : [name];
  });
}
