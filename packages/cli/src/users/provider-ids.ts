import { servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import { identitiesOf, ONLY_ENVIRONMENT } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { findProviders } from '../providers/find-providers';
import type { IdAtService } from './everywhere';
import type { IdOptions } from './options';

const ID = /^([a-z][A-Za-z0-9]*)\.([a-z][A-Za-z0-9]*)=(.*)$/su;

/** The providers that a command knows, and IDs of a user there. */
export interface KnownIds {
  providers: ProviderSet;
  /** Empty where `--id` is not given. */
  ids: ProviderIds;
}

/** Reads the provider files of a command. */
export async function readProviders(io: Io, option: string | undefined): Promise<ProviderSet> {
  return new ProviderSet((await findProviders(io, option)).map(({ provider }) => provider));
}

/**
 * Reads the IDs that `--id` gives, and the provider files.
 *
 * @throws Refusal for an argument that is not an ID, and for unknown providers and IDs; it repeats no value.
 * @throws ProviderError for provider files that cannot be used.
 */
export async function readIds(io: Io, { id = [], providers: option }: IdOptions): Promise<KnownIds> {
  const providers = await readProviders(io, option);
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
  const [problem] = providers.problemsOfNames({ ids }, ids);
  if (problem)
    throw new Refusal(
      'Task.InvalidInput',
      `user.${problem.field}: ${problem.message}.`.replace('?.', '?'),
      `user.${problem.field}`,
    );
  return { providers, ids };
}

/** Returns the IDs that `--id` gives, each with its service. */
export async function readIdsAtServices(io: Io, options: IdOptions): Promise<IdAtService[]> {
  const { providers, ids } = await readIds(io, options);
  return identitiesOf(ids).flatMap(({ provider, value }) => {
    const service = providers.find(provider)?.service;
    return service ? [{ service, id: value }] : [];
  });
}

/** Returns the environment of each provider as the settings of this process select it; needs no keys. */
export function environmentsFrom(io: Io, providers: ProviderSet): (provider: string) => string {
  return (name) => {
    const service = providers.find(name)?.service;
    return (service && servicePlace(io.env, service).environment) ?? ONLY_ENVIRONMENT;
  };
}
