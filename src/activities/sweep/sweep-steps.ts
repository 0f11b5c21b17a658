import { isOpenTo } from '../../policy/converge';
import type { ConvergePlan } from '../../policy/converge';
import type { CompiledList, CompiledOnce, CompiledPlan, CompiledStep } from '../../policy/providers/compiled-plan';
import type { ChunkDependencies } from './chunk-dependencies';
import { SETTLE_MS } from '../../policy/steps/step';

type Services = ChunkDependencies['services'];

/** A step that a sweep does by a call for many users at once. */
export interface BulkStep {
  step: CompiledOnce & { bulk: NonNullable<CompiledOnce['bulk']> };
  plan: CompiledOnce['plan'] & { bulk: NonNullable<CompiledOnce['plan']['bulk']> };
  /** Where its users wait, see `queuesOf`. */
  queue: string;
}

/** The steps of a sweep's plan and how its chunks do them; made once for each attempt at a chunk. */
export class SweepSteps {
  /** With the bulk steps last: their calls are made when everything else is done. */
  readonly plan: CompiledPlan;
  readonly lists: readonly CompiledList[];
  readonly bulk: readonly BulkStep[];
  /**
   * Steps for which a user who is deferred continues where it stood. The others settle what they did by looking, or do
   * no harm when they are repeated: they begin again, which costs nothing while no user is deferred.
   */
  readonly continuing: readonly CompiledStep[];
  /** Providers of which the ledger is asked what it knows of a user. */
  readonly asked: ReadonlySet<string>;
  /** Steps that need a service or key that this worker does not have. */
  readonly missing: readonly CompiledStep[];
  readonly #byName: ReadonlyMap<string, CompiledStep>;
  readonly #queues: ReadonlyMap<string, string>;

  constructor(plan: CompiledPlan, services: Services) {
    const { steps } = plan;
    const own = steps.filter((step) => !isBulk(step));
    this.plan = { ...plan, steps: [...own, ...steps.filter(isBulk)] };
    this.lists = own.filter((step) => step.kind === 'list');
    this.#queues = queuesOf(steps.filter(isBulk));
    this.bulk = steps.filter(isBulk).map((step) => ({ step, plan: step.plan, queue: this.queueOf(step.plan.step) }));
    this.continuing = own.filter((step) => !mayBeginAgain(step));
    this.#byName = new Map(steps.map((step) => [step.plan.step, step]));
    this.missing = steps.filter((step) => step.kind !== 'manual' && !isConfigured(step, services));
    this.asked = new Set(own.filter((step) => !isPlaceholder(step)).map((step) => step.plan.provider));
  }

  /** Whether a user of this plan continues after a deferral. */
  continuesFor(plan: ConvergePlan): boolean {
    return this.continuing.some((step) => isOpenTo(step.plan, plan));
  }

  find(name: string): CompiledStep | undefined {
    return this.#byName.get(name);
  }

  queueOf(name: string): string {
    return this.#queues.get(name) ?? name;
  }

  /** The bulk step whose users wait in this queue. */
  bulkOf(queue: string): BulkStep | undefined {
    return this.bulk.find((one) => one.queue === queue);
  }

  /** Whether this is the call that a sweep makes for many users at once. */
  isBulkCall({ step: name, task }: { step: string; task: string }): boolean {
    const step = this.find(name);
    return step !== undefined && isBulk(step) && (task === step.act.name || task === step.bulk.name);
  }
}

function isConfigured({ plan: { provider, keySlot } }: CompiledStep, services: Services): boolean {
  const service = services.get(provider);
  return service !== undefined && (keySlot === undefined || service.keySlots.includes(keySlot));
}

/** Whether a sweep does the step by a call for many users. */
export function isBulk(step: CompiledStep): step is BulkStep['step'] & { plan: BulkStep['plan'] } {
  return step.kind === 'once' && step.bulk !== undefined;
}

/** The calls of a step that change something, by task. */
export function actsOf(step: CompiledStep): string[] {
  if (step.kind === 'manual') return [];
  return [step.act.name, ...(step.kind === 'request' && step.proceed ? [step.proceed.name] : [])];
}

/**
 * Whether a call is recorded before it is sent, for this user alone: nothing could show later whether it was sent, or
 * the answer has to be known before anything else happens.
 */
export function hasOwnIntent(step: CompiledStep, task: string): boolean {
  if (step.kind === 'once')
    return task === step.act.name && step.act.task.effect === 'irreversible' && !step.look && !step.act.task.repeat;
  return step.kind === 'request' && actsOf(step).includes(task);
}

/**
 * The names of the queues: that of the key where one step of the plan has it, as in sweeps of earlier versions;
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

/** A step that only reports why nothing is done. */
function isPlaceholder(step: CompiledStep): boolean {
  return step.kind === 'manual' && step.plan.title === '';
}
