import { didYouMean } from '../tasks/nearest';
import type { PlannedStep, StepPlan } from '../policy/providers/step-plan';
import { idAt, idsOf, inOrder, namedTwice, placeOf } from '../policy/user-ids';
import type { NamedIds, ProviderIds } from '../policy/user-ids';
import { Accounts } from '../tasks/worker-accounts';
import type { SensitiveField } from '../tasks/define';
import { servicesFor } from '../tasks/needed-services';
import type { ServiceDefinition } from '../tasks/service';
import { batchProvider } from './batch/provider';
import { callsOf, fieldsOf } from './define-provider';
import type { Provider } from './definition';
import { plaidProvider } from './plaid/provider';
import { readSteps } from './plan-provider';
import { stepPlanOf } from './plan';
import type { PlanChoices } from './plan';
import { oneOf } from './problems';

/** The part of a service's settings on which a plan depends. */
export interface KeyedService {
  /** The environment in which the IDs are valid. */
  environment: string;
  /** The names of the keys from which a call uses one; empty if there is no choice. */
  keySlots: readonly string[];
}

/** Settings by service; services that are not configured are absent. */
export type KeyedServices = ReadonlyMap<string, KeyedService>;

/** The parts of an input that determine the steps. */
export interface StepChoices {
  /** Only these providers. @default all */
  providers?: readonly string[] | undefined;
  /** Optional steps that run, by their full names. */
  include?: readonly string[] | undefined;
  /** Steps that do not run, by their full names. */
  exclude?: readonly string[] | undefined;
  /** The input's objects of the providers' own options, by provider. */
  options?: Readonly<Record<string, unknown>> | undefined;
}

/** A mistake in an input, with the field below the user or the input. */
export interface InputProblem {
  field: string;
  message: string;
}

/** A user with an account. */
export type NamedUser = NamedIds & { account?: string | undefined };

/** Whose plan is made: the user's IDs and account, or all users of a sweep. */
export interface PlannedUser {
  ids: ProviderIds;
  account?: string | undefined;
}

/** Reported together: a user with an ID at one of them gets rows of both. */
const TOGETHER = ['plaid', 'batch'];

/**
 * The providers of a worker: those that come with the package, and its own. Everything that depends on the set of
 * providers is here, so that the rest of the worker does not name any.
 */
export class ProviderSet {
  /** In the order in which they run. */
  readonly all: readonly Provider[];
  /** The accounts at the providers. */
  readonly accounts: Accounts;
  readonly #things: ReadonlyMap<string, ReadonlySet<string>>;
  /** By `provider.id`: the sensitive fields of tasks that take the ID. */
  readonly #takenBy: ReadonlyMap<string, readonly SensitiveField[]>;

  /** @param more The worker's own; their names were checked by {@link refuseClashes}. */
  constructor(more: readonly Provider[] = [], accounts: Accounts = new Accounts()) {
    this.accounts = accounts;
    const byName = new Map([plaidProvider(), batchProvider(), ...more].map((one) => [one.name, one]));
    this.all = inOrder(byName.keys()).flatMap((name) => byName.get(name) ?? []);
    this.#things = new Map(this.all.map((provider) => [provider.name, thingsOf(provider)]));
    this.#takenBy = new Map(this.all.flatMap(sensitiveFieldsOf));
  }

  get names(): string[] {
    return this.all.map(({ name }) => name);
  }

  find(name: string): Provider | undefined {
    return this.all.find((provider) => provider.name === name);
  }

  /** Returns the name of the service at which a user's IDs of a provider are valid: `courier`, or `courier/acme`. */
  serviceNameAt = (provider: string, account: string | undefined): string =>
    this.accounts.serviceNameAt(provider, account);

  /** Returns why no user can have this account; undefined for an account of any provider, and for none. */
  problemOfAccount(account: string | undefined): string | undefined {
    const { names } = this.accounts;
    if (account === undefined || names.includes(account)) return undefined;
    // Anything else may be an ID in the wrong column.
    const shown = /^[a-z]+(?:[-_][a-z]+)*$/.test(account) ? ` ${account}` : '';
    if (names.length === 0) return `unknown account${shown}; HTTP_TASKS_ACCOUNTS lists none here`;
    return `unknown account${shown}; allowed: ${oneOf(names)}${didYouMean(account, names)}`;
  }

  /** Returns whether an ID names things of a user, such as the only items to remove, and not the user. */
  isThing = (provider: string, id: string): boolean => this.#things.get(provider)?.has(id) ?? false;

  /** Returns every mistake in a user's IDs. An ID itself is never part of a message. */
  problemsOf(user: NamedUser, ids: ProviderIds): InputProblem[] {
    const account = this.problemOfAccount(user.account);
    const twice = namedTwice(user).map(({ field, place }) => ({
      field,
      message: `must be left out: ${place} names the same ID`,
    }));
    const exclusive = this.all.flatMap((provider) =>
      Object.hasOwn(ids, provider.name) ? this.#exclusive(provider, user, ids) : [],
    );
    return [
      ...(account === undefined ? [] : [{ field: 'account', message: account }]),
      ...twice,
      ...this.problemsOfNames(user, ids),
      ...exclusive,
    ];
  }

  /** Returns the names of providers and IDs that do not exist, and IDs that do not have the form of their definition. */
  problemsOfNames(user: NamedIds, ids: ProviderIds): InputProblem[] {
    return Object.keys(ids).flatMap((name) => this.#problemsAt(name, user, ids));
  }

  #unknownProvider(name: string): string {
    return `unknown provider ${name}; allowed: ${oneOf(this.names)}${didYouMean(name, this.names)}`;
  }

  #problemsAt(name: string, user: NamedIds, ids: ProviderIds): InputProblem[] {
    const provider = this.find(name);
    if (!provider) return [{ field: `ids.${name}`, message: this.#unknownProvider(name) }];
    const given = ids[name] ?? {};
    const known = Object.keys(provider.ids);
    return Object.entries(given).flatMap(([id, value]): InputProblem[] => {
      const field = placeOf(user, name, id);
      const definition = Object.hasOwn(provider.ids, id) ? provider.ids[id] : undefined;
      if (!definition)
        return [{ field, message: `unknown ID of ${name}; allowed: ${oneOf(known)}${didYouMean(id, known)}` }];
      if (definition.list && typeof value === 'string') return [{ field, message: 'must be a list of IDs' }];
      if (!definition.list && typeof value !== 'string') return [{ field, message: 'must be one ID and not a list' }];
      const values = typeof value === 'string' ? [value] : value;
      if (definition.type === 'integer' && !values.every((one) => /^-?(?:0|[1-9]\d*)$/.test(one)))
        return [{ field, message: 'must be a whole number, written as a text' }];
      return [];
    });
  }

  /** Checks IDs that replace each other: exactly one is given, or at most one if other IDs suffice. */
  #exclusive({ name, ids: defined }: Provider, user: NamedIds, ids: ProviderIds): InputProblem[] {
    const pairs = Object.entries(defined).flatMap(([id, { instead }]) =>
      instead !== undefined && !(defined[instead]?.instead === id && instead < id) ? [[id, instead] as const] : [],
    );
    return pairs.flatMap(([one, other]) => {
      const both = [one, other].filter((id) => idAt(ids, name, id) !== undefined);
      if (both.length === 1 || (both.length === 0 && TOGETHER.includes(name))) return [];
      const field = both.length === 2 ? placeOf(user, name, other) : `ids.${name}`;
      return [{ field, message: `exactly one of ${one} and ${other} must be given` }];
    });
  }

  /**
   * Returns the IDs of a user that are bearer tokens: their fields in the input that names the user, and the fields of
   * the tasks that take them, by which an operator accepts them in plain histories.
   */
  tokensIn(user: NamedIds): { field: string; taskField: string }[] {
    const ids = idsOf(user);
    return this.all.flatMap((provider) =>
      Object.entries(Object.hasOwn(ids, provider.name) ? (ids[provider.name] ?? {}) : {}).flatMap(([id, value]) => {
        const values = typeof value === 'string' ? [value] : value;
        const rule = (this.#takenBy.get(`${provider.name}.${id}`) ?? []).find(
          ({ when }) => when === undefined || values.some((one) => when.test(one)),
        );
        const isSecret = provider.ids[id]?.sensitive === true;
        if (!rule && !isSecret) return [];
        return [{ field: placeOf(user, provider.name, id), taskField: rule?.field ?? id }];
      }),
    );
  }

  /** Returns every mistake in a choice of providers and steps. */
  problemsOfChoice({ providers = [], include = [], exclude = [], options = {} }: StepChoices): InputProblem[] {
    const unknown = providers.flatMap((name, index) =>
      this.find(name) ? [] : [{ field: `providers.${index}`, message: this.#unknownProvider(name) }],
    );
    const steps = include.length + exclude.length > 0 ? this.#stepNames(options) : [];
    const strays = (field: 'include' | 'exclude', names: readonly string[]): InputProblem[] =>
      names.flatMap((step, index) =>
        steps.includes(step) || this.#isKeyStep(step)
          ? []
          : [
              {
                field: `${field}.${index}`,
                message: `unknown step ${step}; allowed: ${oneOf(steps)}${didYouMean(step, steps)}`,
              },
            ],
      );
    return [...unknown, ...strays('include', include), ...strays('exclude', exclude)];
  }

  #stepNames(options: Readonly<Record<string, unknown>>): string[] {
    return this.all.flatMap((provider) =>
      provider
        .steps({ keys: ['default'], options: options[provider.name] ?? {}, ids: Object.keys(provider.ids) })
        .map(({ step }) => `${provider.name}.${step}`),
    );
  }

  /** Steps named like keys are not known without the settings. */
  #isKeyStep(step: string): boolean {
    const provider = this.find(step.split('.', 1)[0] ?? '');
    return provider !== undefined && hasKeySlots(provider);
  }

  /** Returns the providers of a choice. */
  chosen({ providers }: Pick<StepChoices, 'providers'>): Provider[] {
    return this.all.filter(({ name }) => providers?.includes(name) ?? true);
  }

  /**
   * Returns the plan of a choice.
   *
   * @param only Leaves out providers at which the user has no ID. @default for all users of a sweep, of every account
   * @throws ProviderError for a definition that is wrong for these keys or options.
   */
  planFor(choices: StepChoices, services: KeyedServices, only?: PlannedUser): StepPlan {
    const { options = {}, include, exclude } = choices;
    const plan = stepPlanOf({
      providers: this.chosen(choices)
        .filter(({ name }) => isMeantFor(only, name))
        .map((provider) => ({
          provider,
          ...(only
            ? { keys: keysOf(provider, services, this.serviceNameAt(provider.name, only.account)) }
            : this.#keysOfAll(provider, services)),
          // Which IDs the users of a sweep have is not known when its plan is made.
          ids: Object.keys(only ? (only.ids[provider.name] ?? {}) : provider.ids),
        })),
      options,
      ...(include && { include }),
      ...(exclude && { exclude }),
    });
    return only ? plan : { ...plan, steps: plan.steps.map((step) => withoutBulk(step, plan)) };
  }

  /**
   * Returns what a sweep's plan has for one of its users: every user gets the steps with which the sweep was opened and
   * approved, also when the definition of a provider has changed since.
   */
  partFor(plan: StepPlan, user: PlannedUser): StepPlan {
    const steps = plan.steps.filter(
      ({ provider, when: { services } }) =>
        isMeantFor(user, provider) && (services?.includes(this.serviceNameAt(provider, user.account)) ?? true),
    );
    return { ...plan, steps };
  }

  /** The keys of all accounts. A key that not all accounts have is for the users of those that have it. */
  #keysOfAll(
    provider: Provider,
    services: KeyedServices,
  ): Pick<PlanChoices['providers'][number], 'keys' | 'servicesOf'> {
    const { name } = provider;
    const accounts = this.accounts.of(name).map((account) => this.serviceNameAt(name, account));
    if (accounts.length === 0 || !hasKeySlots(provider)) return { keys: keysOf(provider, services) };
    const all = [name, ...accounts].map((service) => ({ service, keys: keysOf(provider, services, service) }));
    const keys = [...new Set(all.flatMap((one) => one.keys))];
    const servicesOf = new Map(
      keys.map((key) => [key, all.filter((one) => one.keys.includes(key)).map(({ service }) => service)]),
    );
    for (const [key, having] of servicesOf) if (having.length === all.length) servicesOf.delete(key);
    return { keys, servicesOf };
  }

  /** Returns the providers of a choice that would call something for a user with these IDs. */
  calledFor(choices: StepChoices, ids: ProviderIds): Provider[] {
    return this.chosen(choices).filter((provider) => {
      if (!Object.hasOwn(ids, provider.name)) return false;
      const options = choices.options?.[provider.name] ?? {};
      const at = { keys: ['default'], options, ids: Object.keys(ids[provider.name] ?? {}) };
      const planned = readSteps(provider, provider.steps(at)).steps.map(({ planned: step }) => step);
      return (provider.refine?.(planned, at) ?? planned).some((step) => callsOf(step).length > 0);
    });
  }
}

/** A sweep makes bulk calls last, so that one before which another step must not run is made for each user alone. */
function withoutBulk(step: PlannedStep, { steps }: StepPlan): PlannedStep {
  const isAwaited = steps.some(({ after }) => after.some((rule) => rule.step === step.step));
  if (step.kind !== 'once' || !step.bulk || !isAwaited) return step;
  const { bulk: _bulk, ...single } = step;
  return single;
}

function isMeantFor(user: PlannedUser | undefined, provider: string): boolean {
  if (!user || Object.hasOwn(user.ids, provider)) return true;
  return TOGETHER.includes(provider) && TOGETHER.some((one) => Object.hasOwn(user.ids, one));
}

/** Returns the services of providers, each with the credentials that their tasks sign in with. */
export function servicesOf(providers: readonly Provider[]): ServiceDefinition[] {
  return servicesFor(providers.flatMap(({ tasks }) => tasks));
}

/** Returns the names of a provider's keys: those that are configured, or `default` where there is no choice. */
export function keysOf(
  provider: Provider,
  services: KeyedServices,
  service: string = provider.name,
): readonly string[] {
  return hasKeySlots(provider) ? (services.get(service)?.keySlots ?? []) : ['default'];
}

function hasKeySlots({ service }: Provider): boolean {
  return service.credentials.some(({ slotField }) => slotField !== undefined);
}

/** A provider's steps for one key, every ID and without options. */
function sampleOf(provider: Provider): PlannedStep[] {
  const at = { keys: ['default'], options: {}, ids: Object.keys(provider.ids) };
  return readSteps(provider, provider.steps(at)).steps.map(({ planned }) => planned);
}

/** The sensitive fields of tasks that take each ID. */
function sensitiveFieldsOf(provider: Provider): [id: string, fields: SensitiveField[]][] {
  const calls = sampleOf(provider).flatMap(callsOf);
  return Object.keys(provider.ids).map((id) => [
    `${provider.name}.${id}`,
    calls.flatMap(({ task: name, input }) => {
      const fields = fieldsOf(input).flatMap(([placeholder, field]) => (placeholder === id ? [field] : []));
      const task = provider.tasks.find((one) => one.name === name);
      return (task?.sensitive ?? []).filter(({ field }) => fields.includes(field));
    }),
  ]);
}

/** Returns the IDs that only select items of a list. */
function thingsOf(provider: Provider): Set<string> {
  const planned = sampleOf(provider);
  const only = planned.flatMap((step) => (step.kind === 'list' && step.only !== undefined ? [step.only] : []));
  return new Set(only.filter((id) => !planned.some((step) => step.ids.includes(id))));
}
