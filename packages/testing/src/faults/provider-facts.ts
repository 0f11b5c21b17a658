import { randomInt } from 'node:crypto';
import type { CallFacts, Role, StepFacts } from '../oracle/provider-cell';
import { ROLES } from '../oracle/provider-cell';
import type { PlannedCall, PlannedStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import {
  compileTemplate,
  placeholdersIn,
  UnwritableIdError,
} from 'temporal-http-tasks/internal/policy/providers/template';
import { callsOf } from 'temporal-http-tasks/internal/providers/define-provider';
import type { Provider, StepDefinition } from 'temporal-http-tasks/internal/providers/definition';
import { plannedTask, readSteps } from 'temporal-http-tasks/internal/providers/plan-provider';

/** Placeholders that say nothing of whom a call is about. */
const ABOUT_NO_USER: readonly string[] = ['reason.code', 'reason.note', 'reference', 'callId'];

/** A step of a provider with its calls. */
interface PlannedPart {
  planned: PlannedStep;
  optional: boolean;
}

function stepsOf(provider: Provider): readonly PlannedPart[] {
  return readSteps(provider, provider.steps({ keys: ['default'], options: {} })).steps;
}

/** Returns what the oracle has to know of each step; a manual step has no calls and is left out. */
export function stepFacts(provider: Provider): StepFacts[] {
  return stepsOf(provider).flatMap(({ planned }) => {
    if (planned.kind === 'manual') return [];
    const calls = ROLES.flatMap((role): [Role, CallFacts][] => {
      const call = (planned as Partial<Record<Role, PlannedCall>>)[role];
      const task = call && provider.tasks.find(({ name }) => name === call.task);
      if (!task) return [];
      const { effect, repeat, absent } = plannedTask(task);
      const namesUser = [...placeholdersIn(call.input)].some((name) => !ABOUT_NO_USER.includes(name));
      const resent = repeat || effect === 'repeatSafe';
      return [[role, { operation: task.operation, effect, resent, absent, namesUser }]];
    });
    const { step, kind, after } = planned;
    const looksFirst = planned.kind === 'once' && planned.lookFirst;
    return [{ step, kind, calls: Object.fromEntries(calls), looksFirst, after }];
  });
}

/**
 * Returns the provider without its manual steps, as if they had ended well: what comes after them is tried as well. One
 * that has no others keeps them.
 */
export function withoutManual(provider: Provider): Provider {
  const isManual = ({ kind }: StepDefinition): boolean => kind === 'manual';
  const left = (steps: readonly StepDefinition[]): readonly StepDefinition[] => {
    const manual = steps.filter(isManual).flatMap(({ step }) => [step, `${provider.name}.${step}`]);
    const others = steps.filter((step) => !isManual(step));
    if (others.length === 0 || manual.length === 0) return steps;
    return others.map((step) =>
      step.after ? { ...step, after: step.after.filter((rule) => !manual.includes(rule.step)) } : step,
    );
  };
  return { ...provider, steps: (at) => left(provider.steps(at)) };
}

/** Which steps a run of every step includes and leaves out: a person would have to do the manual ones. */
export function stepChoice(provider: Provider): { include?: string[]; exclude?: string[] } {
  const steps = stepsOf(provider);
  const manual = steps.flatMap(({ planned }) => (planned.kind === 'manual' ? [planned.step] : []));
  const optional = steps.flatMap(({ planned, optional: isOptional }) => (isOptional ? [planned.step] : []));
  const include = optional.filter((step) => !manual.includes(step));
  const exclude = manual.filter((step) => !optional.includes(step));
  return { ...(include.length > 0 && { include }), ...(exclude.length > 0 && { exclude }) };
}

/** Returns the steps that need IDs which a user does not have. */
export function stepsNotAbout(provider: Provider, ids: UserIds): string[] {
  const lacks = (needed: readonly string[] | undefined): boolean =>
    needed !== undefined && !needed.some((id) => Object.hasOwn(ids, id));
  return stepsOf(provider).flatMap(({ planned: { step, skips } }) =>
    skips.some(({ without }) => lacks(without)) ? [step] : [],
  );
}

/** IDs of one user, by name. */
export type UserIds = Record<string, string | string[]>;

/** Makes IDs of users that the provider's tasks take. */
export class IdMaker {
  readonly #provider: Provider;
  readonly #formOf = new Map<string, Form>();
  #made = randomInt(1_000) * 1_000;

  constructor(provider: Provider) {
    this.#provider = provider;
    const calls = stepsOf(provider).flatMap(({ planned }) => callsOf(planned));
    for (const id of Object.keys(provider.ids)) this.#formOf.set(id, formFor(provider, id, calls));
  }

  /** Returns the IDs of a new user. Of two alternative IDs, the one that the step uses. */
  make(step: string): UserIds {
    const planned = stepsOf(this.#provider).find((one) => one.planned.step === step)?.planned;
    const used = planned?.ids ?? [];
    const { ids } = this.#provider;
    const names = Object.keys(ids);
    const rank = (id: string): number => names.indexOf(id) + (used.includes(id) ? 0 : names.length);
    const isChosen = (id: string): boolean =>
      names
        .filter((other) => ids[other]?.instead === id || ids[id]?.instead === other)
        .every((other) => rank(id) < rank(other));
    const chosen = names.filter(isChosen);
    return Object.fromEntries(
      chosen.map((id) => [id, ids[id]?.list ? [this.#next(id), this.#next(id)] : this.#next(id)]),
    );
  }

  #next(id: string): string {
    this.#made += 1;
    return (this.#formOf.get(id) ?? plainText)(this.#made);
  }
}

/** Makes the text of an ID from a number. */
type Form = (n: number) => string;

const plainText: Form = (n) => `id-${n}`;

/** Forms that APIs require of IDs; the first one that fits is used. */
const FORMS: readonly Form[] = [
  plainText,
  (n) => String(5_000_000 + n),
  (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
  (n) => `user-${n}@example.com`,
  (n) => n.toString(16).padStart(24, '0'),
  (n) => `+1555${String(n).padStart(7, '0')}`,
  (n) => `https://example.com/${n}`,
];

/** Returns the form with which the fewest inputs are refused. */
function formFor(provider: Provider, id: string, calls: readonly PlannedCall[]): Form {
  const [, numbers = plainText] = FORMS;
  if (provider.ids[id]?.type === 'integer') return numbers;
  const counted = FORMS.map((form) => ({
    form,
    wrong: calls.reduce((sum, call) => sum + refusals(provider, call, id, form), 0),
  }));
  const [best] = counted.sort((one, other) => one.wrong - other.wrong);
  return best?.form ?? plainText;
}

function refusals(provider: Provider, { task: name, input }: PlannedCall, id: string, form: Form): number {
  const task = provider.tasks.find((one) => one.name === name);
  if (!task) return 0;
  const valueOf = ([other, { list = false, type }]: [string, Provider['ids'][string]]): [string, string | string[]] => {
    const text = other === id ? form(1) : type === 'integer' ? '1' : 'id-1';
    return [other, list ? [text] : text];
  };
  const ids = Object.fromEntries(Object.entries(provider.ids).map(valueOf));
  const special = {
    items: ['item-1'],
    item: 'item-1',
    handle: '1',
    ids: [form(1)],
    'reason.code': 'USER_OFFBOARDING',
    callId: '00000000-0000-4000-8000-000000000001',
  };
  try {
    const parsed = task.input.safeParse(compileTemplate(input)({ ids, special }));
    return parsed.success ? 0 : parsed.error.issues.length;
  } catch (error) {
    if (error instanceof UnwritableIdError) return 1;
    throw error;
  }
}
