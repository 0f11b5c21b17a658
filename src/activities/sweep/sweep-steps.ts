import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { isOpenTo } from '../../policy/converge';
import type { ConvergePlan } from '../../policy/converge';
import { compilePlan } from '../../policy/providers/compiled-plan';
import type { CompiledList, CompiledOnce, CompiledPlan, CompiledStep } from '../../policy/providers/compiled-plan';
import { STEP_PLAN_VERSION } from '../../policy/providers/step-plan';
import type { StepPlan } from '../../policy/providers/step-plan';
import { SETTLE_MS } from '../../policy/steps/step';
import { builtInStepPlanOf } from '../../providers/built-in';
import { accountOf } from '../../tasks/accounts';
import type { ChunkPlan } from './contract';
import type { ChunkDependencies } from './sweep-dependencies';
import { rejected, withSweep } from './sweep-work';

type Services = ChunkDependencies['services'];

/** Separates the name of a queue from the account of its users; no key and no step has it in its name. */
const ACCOUNT_OF_QUEUE = '@';

/** A step that a sweep does by a call for many users. */
export interface BulkStep {
  step: CompiledOnce & { bulk: NonNullable<CompiledOnce['bulk']> };
  plan: CompiledOnce['plan'] & { bulk: NonNullable<CompiledOnce['plan']['bulk']> };
  /** The queue of its users, see `queuesOf`. */
  queue: string;
}

/** The steps of a sweep's plan and how its chunks do them; created once for each attempt at a chunk. */
export class SweepSteps {
  /** Bulk steps are last: their calls are made when everything else is done. */
  readonly plan: CompiledPlan;
  readonly lists: readonly CompiledList[];
  readonly bulk: readonly BulkStep[];
  /**
   * Steps in which a deferred user continues. The others resolve what they did by looking, or are harmless when
   * repeated: they start over, which costs nothing while no user is deferred.
   */
  readonly continuing: readonly CompiledStep[];
  /** Providers whose receipts of a user are read from the ledger. */
  readonly asked: ReadonlySet<string>;
  readonly #services: Services;
  /** Steps that need a service or key that this worker does not have, by the services of the accounts. */
  readonly #missing = new Map<string, readonly CompiledStep[]>();
  readonly #byName: ReadonlyMap<string, CompiledStep>;
  readonly #queues: ReadonlyMap<string, string>;

  constructor(plan: CompiledPlan, services: Services) {
    const { steps } = plan;
    const own = steps.filter((step) => !isBulk(step));
    this.plan = { ...plan, steps: [...own, ...steps.filter(isBulk)] };
    this.lists = own.filter((step) => step.kind === 'list');
    this.#queues = queuesOf(steps.filter(isBulk));
    this.#byName = new Map(steps.map((step) => [step.plan.step, step]));
    this.bulk = steps.filter(isBulk).map((step) => ({ step, plan: step.plan, queue: this.queueOf(step.plan.step) }));
    this.continuing = own.filter((step) => !mayBeginAgain(step));
    this.#services = services;
    this.asked = new Set(own.filter((step) => !isPlaceholder(step)).map((step) => step.plan.provider));
  }

  /** Returns whether a user of this plan continues after a deferral. */
  continuesFor(plan: ConvergePlan): boolean {
    return this.continuing.some((step) => isOpenTo(step.plan, plan));
  }

  /**
   * Returns the steps that need a service or key that this worker does not have.
   *
   * @param accounts The service of an account, by provider. @default the default account of each
   */
  missingAt(accounts: ConvergePlan['accounts'] = {}): readonly CompiledStep[] {
    const key = JSON.stringify(accounts);
    let missing = this.#missing.get(key);
    if (!missing) {
      missing = this.plan.steps.filter(
        (step) => step.kind !== 'manual' && !isConfigured(step, accounts[step.plan.provider], this.#services),
      );
      this.#missing.set(key, missing);
    }
    return missing;
  }

  find(name: string): CompiledStep | undefined {
    return this.#byName.get(name);
  }

  /** Returns the queue of a bulk step for the users of an account: one call cannot have users of several. */
  queueOf(name: string, accounts: ConvergePlan['accounts'] = {}): string {
    const queue = this.#queues.get(name) ?? name;
    const account = accountOf(accounts[this.find(name)?.plan.provider ?? ''] ?? '');
    return account === undefined ? queue : `${queue}${ACCOUNT_OF_QUEUE}${account}`;
  }

  /** Returns the bulk step of a queue, and the account of its users at the provider. */
  bulkOf(queue: string): { bulk: BulkStep; account: string | undefined } | undefined {
    const [own, account] = queue.split(ACCOUNT_OF_QUEUE);
    const bulk = this.bulk.find((one) => one.queue === own);
    return bulk && { bulk: { ...bulk, queue }, account };
  }

  /** Returns whether this worker has the key of a bulk step in an account. */
  canDo({ plan: { provider }, step }: BulkStep, account: string | undefined): boolean {
    return !this.missingAt(account === undefined ? {} : { [provider]: `${provider}/${account}` }).includes(step);
  }

  /** Returns whether this is the call that a sweep makes for many users. */
  isBulkCall({ step: name, task }: { step: string; task: string }): boolean {
    const step = this.find(name);
    return step !== undefined && isBulk(step) && (task === step.act.name || task === step.bulk.name);
  }
}

function isConfigured(
  { plan: { provider, keySlot } }: CompiledStep,
  account: string | undefined,
  services: Services,
): boolean {
  const service = services.get(account ?? provider);
  return service !== undefined && (keySlot === undefined || service.keySlots.includes(keySlot));
}

/** Returns whether a sweep does the step by a call for many users. */
export function isBulk(step: CompiledStep): step is BulkStep['step'] & { plan: BulkStep['plan'] } {
  return step.kind === 'once' && step.bulk !== undefined;
}

/** Returns the calls of a step that change something, by task. */
export function actsOf(step: CompiledStep): string[] {
  if (step.kind === 'manual') return [];
  return [step.act.name, ...(step.kind === 'request' && step.proceed ? [step.proceed.name] : [])];
}

/**
 * Returns whether a call is recorded before it is sent, for this user alone: nothing could show later whether it was
 * sent, or its response has to be known before anything else happens.
 */
export function hasOwnIntent(step: CompiledStep, task: string): boolean {
  if (step.kind === 'once')
    return task === step.act.name && step.act.task.effect === 'irreversible' && !step.look && !step.act.task.repeat;
  return step.kind === 'request' && actsOf(step).includes(task);
}

/**
 * Returns the names of the queues: that of the key if one step of the plan has it, as in sweeps of earlier versions;
 * otherwise that of the step.
 */
function queuesOf(steps: readonly CompiledOnce[]): Map<string, string> {
  const named = (step: CompiledOnce): string => {
    const { keySlot, step: name, provider } = step.plan;
    const isOwn = steps.filter((other) => other.plan.keySlot === keySlot).length === 1;
    return keySlot !== undefined && isOwn && name === `${provider}.${keySlot}` ? keySlot : name;
  };
  return new Map(steps.map((step) => [step.plan.step, named(step)]));
}

function mayBeginAgain(step: CompiledStep): boolean {
  switch (step.kind) {
    case 'list':
      return step.plan.act.allOrNothing;
    case 'once': {
      const { act, look, plan } = step;
      const isSettled = act.task.effect === 'repeatSafe' || act.task.repeat || look !== undefined;
      return isSettled && act.task.means === 'removed' && plan.each === undefined && lagOf(step) <= SETTLE_MS;
    }
    case 'request':
      return false;
    case 'manual':
      return isPlaceholder(step);
  }
}

function lagOf({ plan: { look } }: CompiledOnce): number {
  return look?.lagMs ?? 0;
}

/** Returns whether a step only reports why nothing is done. */
function isPlaceholder(step: CompiledStep): boolean {
  return step.kind === 'manual' && step.plan.title === '';
}

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
const UNRECORDED_PLAN: ChunkPlan = {
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
  const plan = sweep.plan === undefined ? UNRECORDED_PLAN : (JSON.parse(sweep.plan) as ChunkPlan);
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
