import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import type { ExitCode, Io } from '../program/io';
import { print, printJson } from '../terminal/output';
import { printTable } from '../terminal/table';
import { settingStates } from './describe-provider';
import type { SettingState } from './describe-provider';
import { readProviders } from '../users/provider-ids';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { findProviders } from './find-providers';
import type { ProvidersOptions } from '../users/options';

/** Prints the built-in providers and those of provider files. */
export async function listProviders(io: Io, { json, providers }: ProvidersOptions): Promise<ExitCode> {
  const { accounts } = await readProviders(io, providers);
  const withAccounts = (service: ServiceDefinition, from: { builtIn: boolean; file: string | undefined }) =>
    [service, ...accounts.servicesAt([service])].map((own) => ({
      provider: own.name,
      title: own.title,
      ...from,
      missing: missingIn(settingStates(io.env, own)),
    }));
  const builtIn = CATALOGUE_SERVICES.filter(({ credentials }) => credentials.length > 0).flatMap((service) =>
    withAccounts(service, { builtIn: true, file: undefined }),
  );
  const ofFiles = (await findProviders(io, providers)).flatMap(({ provider, file }) =>
    withAccounts(provider.service, { builtIn: false, file }),
  );
  const all = [...builtIn, ...ofFiles];
  if (json) {
    printJson(io, all);
    return 0;
  }
  const rows = all.map((one) => [one.provider, one.title, one.file ?? 'built in', one.missing.join(', ') || 'none']);
  printTable(io, ['Provider', 'Title', 'File', 'Missing settings'], rows);
  if (ofFiles.length === 0) print(io, 'No provider files: name them with --providers or HTTP_TASKS_PROVIDERS.');
  return 0;
}

function missingIn(settings: readonly SettingState[]): string[] {
  return settings.filter(({ state }) => state === 'missing').map(({ setting }) => setting);
}
