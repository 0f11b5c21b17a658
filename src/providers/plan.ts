import { lookOf } from '../policy/providers/compiled-plan';
import type { PlannedStep, PlannedTask, StepPlan, WhenRule } from '../policy/providers/step-plan';
import { MOST_PLAN_BYTES, STEP_PLAN_VERSION } from '../policy/providers/step-plan';
import type { HttpTask } from '../tasks/define';
import { callsOf } from './define-provider';
import type { Provider } from './definition';
import { PLAID_TOKENS } from './names';
import { plannedTask, readSteps } from './plan-provider';
import { ProviderError } from './problems';

/** What determines the steps of a plan. */
export interface PlanChoices {
  /** In their order, with the names of the configured keys. */
  providers: readonly {
    provider: Provider;
    keys: readonly string[];
    /** Keys that only some accounts have, with the services of these. @default every account has every key */
    servicesOf?: ReadonlyMap<string, readonly string[]>;
    /** The IDs that users have at the provider, for steps that only some of them need. @default not known */
    ids?: readonly string[];
  }[];
  /** From the input, by provider. */
  options: Readonly<Record<string, unknown>>;
  /** Optional steps that are included, by their full names. */
  include?: readonly string[];
  /** Steps that are left out, by their full names. */
  exclude?: readonly string[];
}

/** Providers that are reported together: a user with an ID at one of them gets rows for each. */
const TOGETHER = ['plaid', 'batch'];

/** Their IDs that are reported alone. */
const ALONE: readonly string[] = PLAID_TOKENS.map((id) => `plaid.${id}`);

/**
 * Returns the steps of these providers as data.
 *
 * @throws ProviderError for a provider whose definition is wrong for these keys or options.
 * @throws RangeError for a plan that is too large for a history.
 */
export function stepPlanOf({ providers, options, include = [], exclude = [] }: PlanChoices): StepPlan {
  const steps = providers.flatMap(({ provider, keys, servicesOf, ids }) => {
    const at = { keys, options: options[provider.name] ?? {}, ...(ids && { ids }) };
    const read = readSteps(provider, provider.steps(at));
    if (read.problems.length > 0) throw new ProviderError(provider.name, read.problems);
    const wanted = read.steps
      .filter(({ planned, optional }) => !optional || include.includes(planned.step))
      .map(({ planned }) => (exclude.includes(planned.step) ? withoutStep(planned) : planned));
    return (provider.refine?.(wanted, at) ?? wanted).map((step) => {
      const services = step.keySlot === undefined ? undefined : servicesOf?.get(step.keySlot);
      return { ...step, when: { ...whenOf(step, providers), ...(services && { services }) } };
    });
  });
  const tasks = new Map(providers.flatMap(({ provider }) => provider.tasks.map((task) => [task.name, task] as const)));
  const titles = Object.fromEntries(providers.map(({ provider }) => [provider.name, provider.title]));
  const plan: StepPlan = {
    version: STEP_PLAN_VERSION,
    titles,
    tasks: tasksOf(steps, tasks),
    steps: withDistinctLooks(steps, providers),
  };
  const bytes = JSON.stringify(plan).length;
  if (bytes > MOST_PLAN_BYTES)
    throw new RangeError(`The plan of all steps has ${bytes} bytes; a history takes at most ${MOST_PLAN_BYTES}.`);
  return plan;
}

/** Marks the looks that several steps make. The providers that come with the package share them on purpose. */
function withDistinctLooks(steps: readonly PlannedStep[], providers: PlanChoices['providers']): PlannedStep[] {
  const own = new Set(providers.flatMap(({ provider }) => (provider.refine ? [] : provider.name)));
  const looks = steps.map(lookOf);
  return steps.map((step, index) => {
    const isShared = looks.filter((look) => look === looks[index]).length > 1;
    if (!isShared || !own.has(step.provider) || !('look' in step) || !step.look) return step;
    return { ...step, look: { ...step.look, distinct: true } } as PlannedStep;
  });
}

/** An excluded step keeps its first rule, which reports that there was nothing to do at its provider. */
function withoutStep(step: PlannedStep): PlannedStep {
  const [first, ...others] = step.skips;
  return { ...step, skips: [...(first ? [first] : []), { reason: 'excluded' }, ...others] };
}

function whenOf({ provider, when }: PlannedStep, providers: PlanChoices['providers']): WhenRule {
  if (!TOGETHER.includes(provider) || when.any?.every((id) => ALONE.includes(id))) return when;
  const any = providers
    .filter((one) => TOGETHER.includes(one.provider.name))
    .flatMap((one) => Object.keys(one.provider.ids).map((id) => `${one.provider.name}.${id}`))
    .filter((id) => !ALONE.includes(id));
  return when.none ? { ...when, any } : when.any && provider === 'batch' ? when : { any };
}

function tasksOf(steps: readonly PlannedStep[], tasks: ReadonlyMap<string, HttpTask>): Record<string, PlannedTask> {
  const names = new Set(steps.flatMap((step) => [step.task, ...callsOf(step).map((call) => call.task)]));
  return Object.fromEntries(
    [...names].flatMap((name) => {
      const task = tasks.get(name);
      return task ? [[name, plannedTask(task)]] : [];
    }),
  );
}
