import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { compilePlan } from '../../policy/providers/compiled-plan';
import type { CompiledPlan } from '../../policy/providers/compiled-plan';
import { STEP_PLAN_VERSION } from '../../policy/providers/step-plan';
import type { StepPlan } from '../../policy/providers/step-plan';
import { builtInStepPlanOf } from '../../providers/built-in';
import type { ChunkDependencies } from './chunk-dependencies';
import type { ChunkPlan } from './contract';
import { SweepSteps } from './sweep-steps';
import { rejected, withSweep } from './sweep-work';

/**
 * Returns the plan with which a sweep was opened. A sweep that 0.1.0 opened has none and takes the first that its own
 * run gives; from then on that one counts, whatever a caller gives.
 *
 * @throws ApplicationFailure `Task.Rejected`, final, when there is no plan at all.
 */
export async function planOfSweep(
  sweeps: SweepLedger,
  { sweepId, claimedBy, plan }: SweepRow,
  given: ChunkPlan | undefined,
): Promise<ChunkPlan> {
  if (plan !== undefined) return JSON.parse(plan) as ChunkPlan;
  if (given === undefined || claimedBy === undefined)
    throw rejected(`The sweep ${sweepId} has no plan. Start it again.`);
  const { plan: adopted } = await withSweep(() =>
    sweeps.adoptPlan({ sweepId, by: claimedBy, plan: JSON.stringify(given) }),
  );
  if (adopted === undefined) throw rejected(`The sweep ${sweepId} did not accept a plan.`);
  return JSON.parse(adopted) as ChunkPlan;
}

/** Returns whether a sweep only looks; false for one of 0.1.0, whose plan is not known. */
export function isDryRun({ plan }: Pick<SweepRow, 'plan'>): boolean {
  return plan !== undefined && (JSON.parse(plan) as ChunkPlan).dryRun;
}

/** The plan of a sweep that 0.1.0 opened and whose chunks have not given theirs: only its steps are used. */
const UNTOLD: ChunkPlan = {
  reason: { code: 'USER_OFFBOARDING' },
  removeUser: false,
  batchMode: 'customData',
  dryRun: false,
  onFailure: 'continue',
  notFoundIsFine: false,
};

/** Returns the plan and the steps of a sweep for work that starts no user. */
export function plannedOf(
  sweep: Pick<SweepRow, 'sweepId' | 'plan' | 'stepsPlan'>,
  dependencies: Pick<ChunkDependencies, 'services'>,
): { plan: ChunkPlan; steps: SweepSteps } {
  const plan = sweep.plan === undefined ? UNTOLD : (JSON.parse(sweep.plan) as ChunkPlan);
  return { plan, steps: new SweepSteps(stepsOfSweep(sweep, plan, dependencies), dependencies.services) };
}

/**
 * Returns the steps of all users of a sweep, as decided when it was opened. A sweep that an earlier version opened has
 * those of the providers that come with the package.
 *
 * @param plan From {@link planOfSweep}.
 */
export function stepsOfSweep(
  { sweepId, stepsPlan }: Pick<SweepRow, 'sweepId' | 'stepsPlan'>,
  plan: ChunkPlan,
  { services }: Pick<ChunkDependencies, 'services'>,
): CompiledPlan {
  return compilePlan(recordedSteps({ sweepId, stepsPlan }) ?? builtInStepPlanOf(plan, services));
}

/** Returns the steps of all users of a sweep as they were recorded; undefined for a sweep that an earlier version opened. */
export function recordedSteps({
  sweepId,
  stepsPlan,
}: Pick<SweepRow, 'sweepId'> & { stepsPlan?: string | undefined }): StepPlan | undefined {
  if (stepsPlan === undefined) return undefined;
  const steps = JSON.parse(stepsPlan) as StepPlan;
  const version: number = steps.version;
  if (version !== STEP_PLAN_VERSION)
    throw new Error(
      `The steps of the sweep ${sweepId} have version ${version}; this worker reads version ${STEP_PLAN_VERSION}. A newer worker continues it.`,
    );
  return steps;
}
