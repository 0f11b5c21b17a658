import { identitiesOf } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { asSentence, didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import { readAccounts } from 'temporal-http-tasks/internal/config/account-settings';
import { ProblemList } from 'temporal-http-tasks/internal/config/env';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { findProviders } from '../providers/find-providers';
import type { IdAtService, ServiceAt } from './user-subjects';
import type { IdOptions } from './options';
import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';

const ID = /^([a-z][A-Za-z0-9]*)\.([a-z][A-Za-z0-9]*)=(.*)$/su;

/** The providers that a command knows, and IDs of a user there. */
export interface KnownIds {
  providers: ProviderSet;
  /** Empty where `--id` is not given. */
  ids: ProviderIds;
}

/**
 * Reads the provider files of a command, and the accounts of providers.
 *
 * @throws SettingsError if HTTP_TASKS_ACCOUNTS cannot be used.
 */
export async function readProviders(io: Io, option: string | undefined): Promise<ProviderSet> {
  const own = (await findProviders(io, option)).map(({ provider }) => provider);
  const problems = new ProblemList();
  return new ProviderSet(own, problems.finish(readAccounts(io.env, undefined, problems)));
}

/**
 * Reads the IDs that `--id` gives, and the provider files.
 *
 * @throws Refusal for an argument that is not an ID, and for unknown providers and IDs; it repeats no value.
 * @throws ProviderError for provider files that cannot be used.
 */
export async function readIds(io: Io, { id = [], account, providers: option }: IdOptions): Promise<KnownIds> {
  const providers = await readProviders(io, option);
  refuseUnknownAccount(providers, account);
  const ids: Record<string, Record<string, string | string[]>> = {};
  for (const text of id) {
    const [, provider = '', name = '', value = ''] = ID.exec(text) ?? [];
    if (provider === '')
      throw new Refusal('Usage', '--id must be PROVIDER.ID=VALUE, such as courier.contactId=c_1.', 'id');
    const field = `user.ids.${provider}.${name}`;
    if (value === '') throw new Refusal('Task.InvalidInput', `${field}: must not be empty.`, field);
    const own = (ids[provider] ??= {});
    const before = Object.hasOwn(own, name) ? own[name] : undefined;
    if (providers.find(provider)?.ids[name]?.list) own[name] = [...(before ?? []), value];
    else if (before === undefined) own[name] = value;
    else throw new Refusal('Task.InvalidInput', `${field}: is one ID, and is given twice.`, field);
  }
  const stranger = Object.keys(ids).find((name) => !providers.find(name));
  if (stranger !== undefined)
    throw new Refusal('Task.InvalidInput', unknownProvider(providers, stranger), `user.ids.${stranger}`);
  const [problem] = providers.problemsOfNames({ ids }, ids);
  if (problem)
    throw new Refusal(
      'Task.InvalidInput',
      asSentence(`user.${problem.field}: ${problem.message}`),
      `user.${problem.field}`,
    );
  return { providers, ids };
}

/** Says that a provider is not known here, and what to set. */
export function unknownProvider(known: ProviderSet, name: string): string {
  const allowed = `allowed: ${known.names.join(', ')}${didYouMean(name, known.names)}`;
  return `${asSentence(`user.ids.${name}: unknown provider ${name}; ${allowed}`)} Give this command the provider files of the workers, with HTTP_TASKS_PROVIDERS or --providers.`;
}

/**
 * Refuses an account that no provider has here: its users have other keyed hashes.
 *
 * @throws Refusal
 */
export function refuseUnknownAccount(providers: ProviderSet, account: string | undefined): void {
  const problem = providers.problemOfAccount(account);
  if (problem === undefined) return;
  throw new Refusal(
    'Task.InvalidInput',
    `user.account: ${problem}. Give this command the HTTP_TASKS_ACCOUNTS of the workers.`.replace('?.', '?'),
    'user.account',
  );
}

/**
 * Returns the service of the account that `--account` names, by that of a default account; undefined without it.
 *
 * @throws Refusal for an unknown account.
 */
export async function readServiceAt(io: Io, { account, providers: option }: IdOptions): Promise<ServiceAt | undefined> {
  if (account === undefined) return undefined;
  const providers = await readProviders(io, option);
  refuseUnknownAccount(providers, account);
  return serviceAtAccount(providers, account);
}

/** Returns the service of an account, by that of a default account; undefined without an account. */
export function serviceAtAccount(providers: ProviderSet, account: string | undefined): ServiceAt | undefined {
  return account === undefined ? undefined : (service) => providers.accounts.serviceAt(service, account);
}

/** Returns the other accounts at these services' providers, as `courier/acme`. */
export function otherAccounts({ accounts }: ProviderSet, services: readonly string[]): string[] {
  const providers = new Set(services.map(mainServiceOf));
  const others = accounts.listed.filter((name) => providers.has(mainServiceOf(name)) && !services.includes(name));
  const defaults = [...providers].filter((name) => !services.includes(name));
  return [...defaults.map((name) => `the default account of ${name}`), ...others];
}

/** Returns the IDs that `--id` gives, each with its service. IDs of things of a user are left out. */
export async function readIdsAtServices(io: Io, options: IdOptions): Promise<IdAtService[]> {
  const { providers, ids } = await readIds(io, options);
  return idsAtServices(providers, ids, options.account);
}

/** Returns each ID of a user with its service, at the user's account. IDs of things of the user are left out. */
export function idsAtServices(providers: ProviderSet, ids: ProviderIds, account: string | undefined): IdAtService[] {
  return identitiesOf(ids, providers.isThing).flatMap(({ provider, id: called, value }) => {
    const service = providers.find(provider)?.service;
    return service ? [{ service: providers.accounts.serviceAt(service, account), called, id: value }] : [];
  });
}
