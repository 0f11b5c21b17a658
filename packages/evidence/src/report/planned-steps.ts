import type { ReceiptGroup } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { PlannedStep, StepPlan } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import { inOrder } from 'temporal-http-tasks/internal/policy/user-ids';
import { builtInStepPlan } from 'temporal-http-tasks/internal/providers/built-in';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { accountOf, mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';

/** A step of a receipt, with the service that says for which account it was done. */
export type DoneStep = Pick<ReceiptGroup, 'step' | 'service'>;

/** What the steps and providers of a sweep are called, and in which order they are shown: from the plan that it recorded. */
export class PlannedSteps {
  readonly #titles: ReadonlyMap<string, string>;
  readonly #steps: ReadonlyMap<string, PlannedStep>;
  readonly #order: readonly string[];
  readonly #tasks: StepPlan['tasks'];
  /** Providers whose steps were done in bulk, where the sweep recorded no plan. */
  readonly #bulkProviders: ReadonlySet<string>;

  /** @param recorded The plan as JSON; absent for a sweep that an earlier version opened. */
  constructor(recorded: string | undefined) {
    const plan =
      recorded === undefined
        ? builtInStepPlan({ removeUser: true, batchMode: 'customData', batchApps: ['default'] })
        : (JSON.parse(recorded) as StepPlan);
    const { titles = {}, steps, tasks } = plan;
    this.#titles = new Map([
      ...CATALOGUE_SERVICES.map(({ name, title }) => [name, title] as const),
      ...Object.entries(titles),
    ]);
    this.#steps = new Map(steps.map((step) => [step.step, step]));
    this.#order = steps.map(({ step }) => step);
    this.#tasks = tasks;
    this.#bulkProviders = new Set(
      recorded === undefined ? steps.flatMap((step) => (isDoneInBulk(step) ? [step.provider] : [])) : [],
    );
  }

  /** Returns the name of a service for people: `Courier Mail`, or `Courier Mail (acme)` for an account. */
  titleOf = (service: string): string => {
    const main = mainServiceOf(service);
    const account = accountOf(service);
    return `${this.#titles.get(main) ?? main}${account === undefined ? '' : ` (${account})`}`;
  };

  /** Returns the name of the system at which a step was done; empty for a step at none, such as the look for holds. */
  systemOf({ step, service }: DoneStep): string {
    const provider = providerOf(step);
    if (provider === '') return '';
    return this.titleOf(mainServiceOf(service) === provider ? service : provider);
  }

  /** Returns the name of a step for people: `Courier Mail contact`. */
  labelOf(done: DoneStep): string {
    const provider = providerOf(done.step);
    return provider === '' ? done.step : `${this.systemOf(done)} ${done.step.slice(provider.length + 1)}`;
  }

  /** Compares two steps: those of no provider first, then in the order of the plan. */
  compare = (one: string, other: string): number => {
    const [at, otherAt] = [this.#placeOf(one), this.#placeOf(other)];
    return at - otherAt || (one < other ? -1 : Number(one > other));
  };

  #placeOf(step: string): number {
    const provider = providerOf(step);
    if (provider === '') return -1;
    const place = this.#order.indexOf(step);
    if (place >= 0) return place;
    // After the provider's other steps, and before the next provider.
    const names = inOrder([...[...this.#steps.values()].map((planned) => planned.provider), provider]);
    const later = names.slice(names.indexOf(provider) + 1);
    const next = this.#order.findIndex((name) => later.includes(providerOf(name)));
    return next < 0 ? this.#order.length : next - 0.5;
  }

  /** Returns whether a step is done for many users in one call. */
  isBulk = ({ step }: Pick<DoneStep, 'step'>): boolean => {
    const planned = this.#steps.get(step);
    return planned === undefined ? this.#bulkProviders.has(providerOf(step)) : isDoneInBulk(planned);
  };

  /** Returns whether a step follows what its provider accepted until it is done. */
  isFollowed({ step }: Pick<DoneStep, 'step'>): boolean {
    return this.#steps.get(step)?.kind === 'request';
  }

  /** Returns what a task does, in words, and its method and path where they are known. */
  taskWords(task: string): { summary: string; route?: string } | undefined {
    const known = CATALOGUE.find(({ name }) => name === task);
    if (known) return { summary: known.summary, route: `${known.method} ${known.path}` };
    const planned = Object.hasOwn(this.#tasks, task) ? this.#tasks[task] : undefined;
    return planned && { summary: planned.summary };
  }
}

function isDoneInBulk(step: PlannedStep): boolean {
  return step.kind === 'once' && step.bulk !== undefined;
}

function providerOf(step: string): string {
  return step.includes('.') ? step.slice(0, step.indexOf('.')) : '';
}
