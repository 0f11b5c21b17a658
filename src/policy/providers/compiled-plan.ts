import type { StatePattern } from './path';
import type {
  ListStep,
  ManualStep,
  OnceStep,
  PlannedCall,
  PlannedStep,
  PlannedTask,
  RequestStep,
  StepPlan,
} from './step-plan';
import { compileTemplate, placeholdersIn } from './template';
import type { CompiledTemplate } from './template';

/** A call of a plan whose template was parsed once for all users. */
export interface CompiledCall {
  name: string;
  task: PlannedTask;
  fill: CompiledTemplate;
  usesCallId: boolean;
  absent: readonly StatePattern[];
  failed: readonly StatePattern[];
  distinct?: true | undefined;
}

interface CompiledBase<S extends PlannedStep> {
  plan: S;
  /** Another step has the same look, so that one look serves both. */
  sharesLook: boolean;
  /** An earlier step has the same look. */
  repeatsLook: boolean;
}

/** See {@link CompiledStep}. */
export interface CompiledOnce extends CompiledBase<OnceStep> {
  kind: 'once';
  act: CompiledCall;
  look?: CompiledCall;
  bulk?: CompiledCall;
}

/** See {@link CompiledStep}. */
export interface CompiledList extends CompiledBase<ListStep> {
  kind: 'list';
  look: CompiledCall;
  act: CompiledCall;
}

/** See {@link CompiledStep}. */
export interface CompiledRequest extends CompiledBase<RequestStep> {
  kind: 'request';
  act: CompiledCall;
  follow: CompiledCall;
  proceed?: CompiledCall;
  find?: CompiledCall;
  /** Dotted paths in a request, with what they have to be. */
  match: readonly (readonly [path: string, value: CompiledTemplate])[];
}

/** See {@link CompiledStep}. */
export interface CompiledManual extends CompiledBase<ManualStep> {
  kind: 'manual';
}

/** A step whose templates are parsed. */
export type CompiledStep = CompiledOnce | CompiledList | CompiledRequest | CompiledManual;

/** A plan that was parsed once, to be interpreted for many users. */
export interface CompiledPlan {
  plan: StepPlan;
  steps: readonly CompiledStep[];
}

/** Parses the templates of a plan. */
export function compilePlan(plan: StepPlan): CompiledPlan {
  const looks = plan.steps.map(lookOf);
  const compile = (call: PlannedCall): CompiledCall => compileCall(plan, call);
  return {
    plan,
    steps: plan.steps.map((step, index): CompiledStep => {
      const own = looks[index];
      const shared = {
        sharesLook: own !== undefined && looks.filter((look) => look === own).length > 1,
        repeatsLook: own !== undefined && looks.indexOf(own) < index,
      };
      switch (step.kind) {
        case 'once':
          return {
            kind: 'once',
            plan: step,
            ...shared,
            act: compile(step.act),
            ...(step.look && { look: compile(step.look) }),
            ...(step.bulk && { bulk: compile(step.bulk) }),
          };
        case 'list':
          return { kind: 'list', plan: step, ...shared, look: compile(step.look), act: compile(step.act) };
        case 'request':
          return {
            kind: 'request',
            plan: step,
            ...shared,
            act: compile(step.act),
            follow: compile(step.follow),
            ...(step.proceed && { proceed: compile(step.proceed) }),
            ...(step.find && { find: compile(step.find) }),
            match: Object.entries(step.find?.match ?? {}).map(
              ([path, value]) => [path, compileTemplate(value)] as const,
            ),
          };
        case 'manual':
          return { kind: 'manual', plan: step, ...shared };
      }
    }),
  };
}

/** Returns a key that distinguishes looks by what they read for one user; undefined for a step without one. */
export function lookOf(step: PlannedStep): string | undefined {
  const look = 'look' in step ? step.look : undefined;
  return look && JSON.stringify([step.provider, look.task, look.input, ...(look.distinct ? [look.absent] : [])]);
}

function compileCall(
  { tasks }: StepPlan,
  { task: name, input, absent = [], failed = [], distinct }: PlannedCall,
): CompiledCall {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (!task) throw new TypeError(`The plan has a call of ${name}, and no such task.`);
  return {
    name,
    task,
    fill: compileTemplate(input),
    usesCallId: placeholdersIn(input).has('callId'),
    absent,
    failed,
    distinct,
  };
}
