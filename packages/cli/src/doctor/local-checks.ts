import { nearMisses } from 'temporal-http-tasks/internal/config/known-settings';
import { readWorkerSettings } from 'temporal-http-tasks/internal/config/settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { refuseMixedVersions } from 'temporal-http-tasks/internal/host-checks/temporal-versions';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { ProviderError } from 'temporal-http-tasks/internal/providers/problems';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import type { Io } from '../program/io';
import { findProviders } from '../providers/find-providers';
import type { ProvidersOptions } from '../users/options';
import { messageOf } from './finding';
import type { Finding } from './finding';

/** The oldest Node.js that works, as in package.json. */
const OLDEST_NODE = [20, 19] as const;

/** Checks Node.js and the installed packages. */
export function checkInstallation(): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const isNew = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  const node: Finding = {
    check: 'node',
    state: isNew ? 'ok' : 'fail',
    message: `Node.js ${process.versions.node}, temporal-http-tasks ${packageVersion()}`,
    ...(!isNew && { toDo: `Install Node.js ${OLDEST_NODE.join('.')} or later.` }),
  };
  try {
    refuseMixedVersions();
    return [node, { check: 'packages', state: 'ok', message: 'All @temporalio packages have the same version' }];
  } catch (error) {
    return [node, { check: 'packages', state: 'fail', message: messageOf(error) }];
  }
}

/** Checks every setting that a worker reads, and the provider files. */
export async function checkSettings(io: Io, { providers: option }: ProvidersOptions): Promise<Finding[]> {
  const fail = (message: string): Finding => ({ check: 'settings', state: 'fail', message });
  try {
    const providers = (await findProviders(io, option)).map(({ provider }) => provider);
    const services = providers.map(({ service }) => service);
    const near = nearMisses(io.env, [...CATALOGUE_SERVICES, ...services]).map(({ setting, message }): Finding => ({
      check: 'settings',
      state: 'warn',
      message: `${setting}: ${message}`,
    }));
    const { settings } = readWorkerSettings({ ...io.env }, CATALOGUE_SERVICES, services);
    const names = [...settings.sender.services.keys()];
    return [...near, { check: 'settings', state: 'ok', message: `valid, for the services ${names.join(', ')}` }];
  } catch (error) {
    if (error instanceof SettingsError)
      return error.problems.map(({ setting, message }) => fail(`${setting}: ${message}`));
    if (error instanceof ProviderError)
      return error.problems.map(({ file, place, message }) => fail(`${file}: ${place}: ${message}`));
    return [fail(messageOf(error))];
  }
}
