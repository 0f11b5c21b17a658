import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import type { WorkerLedger } from '../../ledger/worker-environments';
import type { PlannedStep, StepPlan } from '../../policy/providers/step-plan';
import { builtInOptions } from '../../providers/built-in';
import type { Provider } from '../../providers/definition';
import { environmentSettingOf } from '../../providers/names';
import type { StepChoices } from '../../providers/provider-set';
import { accountOf, accountSuffix, mainServiceOf } from '../../tasks/accounts';
import { refusal, requireService } from '../refusals';
import type { ChunkPlan } from './contract';
import { environmentOf } from './plan-user';
import type { ChunkDependencies, SweepDependencies } from './sweep-dependencies';

type ProviderDependencies = Pick<SweepDependencies, 'services' | 'providers'>;

/** The parts of a sweep that determine which providers it needs. */
type SweepNeeds = Pick<SweepRow, 'environments' | 'plan' | 'stepsPlan'>;

/** Returns what of a sweep's plan decides about its steps. */
export function choicesOf(plan: ChunkPlan): StepChoices {
  const { providers, include, exclude } = plan;
  return { providers, include, exclude, options: plan.options ?? builtInOptions(plan) };
}

/** Returns whether the step calls its provider. */
export function hasCalls(step: PlannedStep): boolean {
  return step.kind !== 'manual';
}

/** Returns whether a sweep with these choices would call the provider for a user with all of its IDs. */
export function wouldCall(
  { name }: Provider,
  choices: StepChoices,
  { providers }: Pick<ProviderDependencies, 'providers'>,
): boolean {
  return providers.planFor({ ...choices, providers: [name] }, new Map([[name, ANY_KEY]])).steps.some(hasCalls);
}

const ANY_KEY = { environment: '', keySlots: ['default'] };

/** Returns whether this worker has the provider's settings, for its default account or another one. */
export function isConfigured({ name }: Provider, { services, providers }: ProviderDependencies): boolean {
  return services.has(name) || providers.accounts.of(name).some((account) => services.has(`${name}/${account}`));
}

/**
 * Refuses a sweep whose users have IDs at a provider that its plan should call and does not: this worker does not know the
 * provider, or has no keys for it, or the plan was made by a worker without them. Otherwise these users would count as
 * done.
 *
 * @param origin The field of the input by which the users came.
 * @throws ApplicationFailure `Task.InvalidInput`
 */
export async function refuseMissingProviders(
  dependencies: ProviderDependencies & { ledger: { readonly workers: Pick<WorkerLedger, 'readServices'> } },
  sweep: SweepNeeds,
  origin: string,
): Promise<void> {
  const needed = new NeededProviders(sweep, dependencies);
  for (const service of Object.keys(sweep.environments)) {
    if (!dependencies.providers.find(mainServiceOf(service)))
      throw refusal(origin, await unknownProvider(service, dependencies.ledger.workers));
    needed.require(service, origin);
  }
}

/** Which providers the plan of a sweep calls, and which it should. */
export class NeededProviders {
  /** Absent for a sweep that 0.1.0 opened, of whose steps nothing is known. */
  readonly #planned: ReadonlySet<string> | undefined;
  readonly #choices: StepChoices | undefined;
  readonly #dependencies: ProviderDependencies;

  constructor({ plan, stepsPlan }: Pick<SweepNeeds, 'plan' | 'stepsPlan'>, dependencies: ProviderDependencies) {
    this.#planned = stepsPlan === undefined ? undefined : calledIn(stepsPlan);
    this.#choices = plan === undefined ? undefined : choicesOf(JSON.parse(plan) as ChunkPlan);
    this.#dependencies = dependencies;
  }

  /**
   * Requires that users with an ID at a service are offboarded there, unless the sweep was not meant to.
   *
   * @throws ApplicationFailure `Task.InvalidInput`
   */
  require(service: string, origin: string): void {
    const { services, providers } = this.#dependencies;
    const name = mainServiceOf(service);
    const hasKeys = services.has(service);
    if (!this.#planned || !this.#choices || (hasKeys && this.#planned.has(name))) return;
    const provider = providers.chosen(this.#choices).find((one) => one.name === name);
    if (!provider || !wouldCall(provider, this.#choices, this.#dependencies)) return;
    const users = `has users with IDs at ${service}`;
    if (hasKeys)
      throw refusal(
        origin,
        `${users}, and the worker that opened the sweep had no keys for it; give all workers of the task queue the same keys, and start the sweep again`,
      );
    const account = accountOf(service);
    const how =
      account === undefined
        ? 'set them'
        : `list it in HTTP_TASKS_ACCOUNTS and set its keys, whose names end with ${accountSuffix(account)}`;
    throw refusal(
      origin,
      `${users}, for which this worker has no keys; ${how}, or name the intended providers in providers (--only)`,
    );
  }
}

/** Returns the providers that the steps of a plan call. */
function calledIn(stepsPlan: string): ReadonlySet<string> {
  const { steps } = JSON.parse(stepsPlan) as StepPlan;
  return new Set(steps.filter(hasCalls).map(({ provider }) => provider));
}

async function unknownProvider(service: string, workers: Pick<WorkerLedger, 'readServices'>): Promise<string> {
  const name = mainServiceOf(service);
  const isElsewhere = (await workers.readServices()).some((other) => mainServiceOf(other.service) === name);
  const known = isElsewhere ? ', but another worker of this ledger does' : '';
  return `has users with IDs at ${name}, a provider that this worker does not know${known}; list its file in the HTTP_TASKS_PROVIDERS of all workers of the task queue`;
}

/**
 * Returns the service of a sweep in progress that this worker cannot call: its provider is unknown here, or its keys are
 * missing. Undefined when it can call all that the plan has.
 */
export function missingService(
  sweep: SweepNeeds,
  { services, providers }: Pick<ChunkDependencies, 'services' | 'providers'>,
): string | undefined {
  const absent = Object.keys(sweep.environments).filter((service) => !services.has(service));
  if (absent.length === 0) return undefined;
  const planned = sweep.stepsPlan === undefined ? undefined : calledIn(sweep.stepsPlan);
  return absent.find((service) => {
    const name = mainServiceOf(service);
    return !providers.find(name) || (planned?.has(name) ?? false);
  });
}

/**
 * Refuses a sweep that was read for another environment of a provider than this worker's. Hashes of IDs depend on it:
 * they would match no hold that was set for the sweep, and its users would be deleted in the wrong place.
 *
 * @param origin The field of the input with the origin of the users.
 * @throws ApplicationFailure `Task.InvalidInput`
 */
export function refuseOtherEnvironment(
  { services, providers }: Pick<ChunkDependencies, 'services' | 'providers'>,
  sweep: Pick<SweepRow, 'environments'> | undefined,
  origin: string,
): void {
  for (const [service, read] of Object.entries(sweep?.environments ?? {})) {
    const environment = environmentOf(services, service);
    if (read === environment) continue;
    requireService(services, service, origin);
    const title = providers.find(mainServiceOf(service))?.title ?? service;
    throw refusal(
      origin,
      `was read for another environment of ${title} than this worker's, which is ${environment}; set ${environmentSettingOf(service)} to the same value where it is read and where it is processed, and read it again`,
    );
  }
}
