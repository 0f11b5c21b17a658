import type { HoldEnvironments } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { UserIds } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { batchService } from 'temporal-http-tasks/internal/providers/batch/service';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';

/** Everything that receipts and holds may know a user by. The access token of an Item is not tied to its user. */
export interface AllUserIds extends UserIds {
  plaidAccessToken?: string;
  /** IDs at any provider. */
  more?: readonly IdAtService[];
  /** The service of the user's account, for the IDs with an option or column of their own. @default the default account's */
  serviceAt?: ServiceAt;
}

/** Returns the service of an account at a provider, by that of the default account. */
export type ServiceAt = (service: ServiceDefinition) => ServiceDefinition;

/** An ID at a service; of a list, one entry. */
export interface IdAtService {
  service: ServiceDefinition;
  /** The name of the ID, for example `contactId`. */
  called: string;
  id: string;
}

/** An ID with an option or column of its own. */
export type NamedUserId = Exclude<keyof AllUserIds, 'more' | 'serviceAt'>;

/** The service that each ID is one of. */
export const SERVICE_OF_ID = {
  plaidUserId: plaidService,
  plaidUserToken: plaidService,
  plaidAccessToken: plaidService,
  batchUserId: batchService,
} as const satisfies Record<NamedUserId, ServiceDefinition>;

/** Under which a worker hashes the IDs of a service that it has no keys for, for example in a sweep of Batch only. */
const UNCONFIGURED = 'default';

/** A keyed hash, and what it is a hash for. */
export interface UserSubject {
  subject: string;
  service: string;
  environment: string;
}

/**
 * Returns the keyed hashes of a user's IDs in every environment that a worker can have, so that a command needs to know
 * nothing about the worker's settings.
 *
 * @param only Narrows services that have several environments to this one.
 */
export function subjectsEverywhere(ids: AllUserIds, hasher: SubjectHasher, only?: string): UserSubject[] {
  return given(ids).flatMap(([service, id]) =>
    [...new Set([...environmentsOf(service, only), UNCONFIGURED])].map((environment) => ({
      subject: hasher.subject(service.name, environment, id),
      service: service.name,
      environment,
    })),
  );
}

/** The environments by service that {@link subjectsEverywhere} covers, as the services call them. */
export function environmentsCovered(ids: AllUserIds, only?: string): HoldEnvironments {
  return Object.fromEntries(servicesOf(ids).map((service) => [service.name, environmentsOf(service, only)]));
}

/**
 * Returns what is wrong with the name of an environment that narrows what is done with these IDs: the service of one of
 * them has several environments and none of this name, or no service has one of this name.
 */
export function environmentProblem(ids: AllUserIds, only: string | undefined): string | undefined {
  if (only === undefined) return undefined;
  const services = servicesOf(ids);
  const choosable = services.filter(hasChoice);
  const wrong = (choosable.length > 0 ? choosable : services).find(
    ({ environments }) => !Object.hasOwn(environments, only),
  );
  if (!wrong) return undefined;
  return (
    `"${only}" is not an environment of ${wrong.title}; allowed: ${Object.keys(wrong.environments).join(', ')}. ` +
    'Leave it out for all of them.'
  );
}

/**
 * The same for one user of several: services that have one environment are not narrowed, because other users may have IDs
 * at services that have several.
 */
export function environmentProblemOfRow(ids: AllUserIds, only: string | undefined): string | undefined {
  return servicesOf(ids).some(hasChoice) ? environmentProblem(ids, only) : undefined;
}

/** Returns what is wrong with the name of an environment if no service with several environments has one of this name. */
export function environmentProblemAnywhere(
  services: readonly ServiceDefinition[],
  only: string | undefined,
): string | undefined {
  const names = new Set(services.filter(hasChoice).flatMap(({ environments }) => Object.keys(environments)));
  if (only === undefined || names.has(only)) return undefined;
  return `"${only}" is not an environment of any provider; allowed: ${[...names].join(', ')}. Leave it out for all of them.`;
}

/** Maximum number of combinations of environments that are checked for one user. */
const MOST_VIEWS = 100;

/** Returns what is wrong with IDs for which {@link workerViews} would return more than can be shown. */
export function viewsProblem(ids: AllUserIds, only?: string): string | undefined {
  const choices = servicesOf(ids).filter(hasChoice);
  const views = choices.reduce((product, { environments }) => product * (Object.keys(environments).length + 1), 1);
  if (only !== undefined || views <= MOST_VIEWS) return undefined;
  return (
    `workers may combine the environments of ${choices.map(({ name }) => name).join(', ')} in too many ways; name ` +
    'one with --environment, or check the IDs of fewer providers'
  );
}

/** The names of the services at which a user is known by these IDs, for example `courier/acme`. */
export function serviceNamesOf(ids: AllUserIds): string[] {
  return servicesOf(ids).map(({ name }) => name);
}

/** What one kind of worker asks the ledger about a user. */
export interface WorkerView {
  /** The worker's environment, for example `production`; of several services, `plaid sandbox, courier production`. */
  environment: string;
  subjects: string[];
}

/**
 * Returns the hashes that a worker asks the ledger for before it removes anything of this user, for each environment that
 * a worker can have. A worker without keys for one of the services is one more where another service is left to it.
 *
 * @param only Leaves out the others.
 */
export function workerViews(ids: AllUserIds, hasher: SubjectHasher, only?: string): WorkerView[] {
  const services = servicesOf(ids);
  const isOnly = services.filter(hasChoice).length < 2 || only !== undefined;
  let views: { labels: string[]; environments: Map<ServiceDefinition, string> }[] = [
    { labels: [], environments: new Map() },
  ];
  for (const service of services) {
    const choices = environmentsOf(service, only).map((environment) => ({
      environment,
      label:
        hasChoice(service) || services.length === 1 ? (isOnly ? environment : `${service.name} ${environment}`) : '',
    }));
    const without =
      hasChoice(service) && services.length > 1 && only === undefined
        ? [{ environment: UNCONFIGURED, label: `without ${service.name}` }]
        : [];
    views = [...choices, ...without].flatMap(({ environment, label }) =>
      views.map(({ labels, environments }) => ({
        labels: [...labels, label],
        environments: new Map(environments).set(service, environment),
      })),
    );
  }
  return views.map(({ labels, environments }) => ({
    environment: [...new Set(labels.filter(Boolean))].join(', '),
    subjects: given(ids).map(([service, id]) =>
      hasher.subject(service.name, environments.get(service) ?? UNCONFIGURED, id),
    ),
  }));
}

function given(ids: AllUserIds): [ServiceDefinition, string][] {
  const named = (Object.keys(SERVICE_OF_ID) as NamedUserId[]).flatMap((field) => {
    const id = ids[field];
    const service: ServiceDefinition = SERVICE_OF_ID[field];
    return id === undefined ? [] : [[ids.serviceAt?.(service) ?? service, id] satisfies [ServiceDefinition, string]];
  });
  return [...named, ...(ids.more ?? []).map(({ service, id }): [ServiceDefinition, string] => [service, id])];
}

function servicesOf(ids: AllUserIds): ServiceDefinition[] {
  return [...new Set(given(ids).map(([service]) => service))];
}

function environmentsOf(service: ServiceDefinition, only: string | undefined): string[] {
  return only !== undefined && hasChoice(service) ? [only] : Object.keys(service.environments);
}

function hasChoice({ environments }: ServiceDefinition): boolean {
  return Object.keys(environments).length > 1;
}
