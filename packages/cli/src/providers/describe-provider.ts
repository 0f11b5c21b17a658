import { readText } from 'temporal-http-tasks/internal/config/env';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { columnOf } from 'temporal-http-tasks/internal/providers/names';
import { readSteps } from 'temporal-http-tasks/internal/providers/plan-provider';
import { callsOf } from 'temporal-http-tasks/internal/providers/define-provider';
import type { Provider } from 'temporal-http-tasks/internal/providers/definition';
import type { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';

/** A setting of a service, without its value. */
export interface SettingState {
  setting: string;
  /** Without it a worker with this provider cannot start. */
  required: boolean;
  /** `file` when the setting with `_FILE` behind its name is set instead. */
  state: 'set' | 'file' | 'missing' | 'default';
}

/** Returns each setting of a service, and whether it is set. */
export function settingStates(env: Env, service: ServiceDefinition): SettingState[] {
  const secrets = [...new Set(service.credentials.flatMap(settingsOf))];
  const others = [service.environmentSetting, service.baseUrlSetting, service.placementSetting];
  return [
    ...secrets.map((setting): SettingState => {
      const isInFile = readText(env, `${setting}_FILE`) !== undefined;
      const state = readText(env, setting) !== undefined ? 'set' : isInFile ? 'file' : 'missing';
      return { setting, required: true, state };
    }),
    ...others.flatMap((setting): SettingState[] => {
      if (setting === undefined) return [];
      return [{ setting, required: false, state: readText(env, setting) === undefined ? 'default' : 'set' }];
    }),
  ];
}

/** Returns the description of a provider for output. */
export function describeProvider(env: Env, { provider, file, skipped }: ProviderFile, accounts: Accounts) {
  const { name, title, docs, service, ids } = provider;
  const { environment, production } = servicePlace(env, service);
  return {
    provider: name,
    title,
    ...(docs !== '' && { docs }),
    file,
    environments: service.environments,
    productionEnvironments: service.productionEnvironments,
    environment,
    production,
    settings: settingStates(env, service),
    accounts: accounts.servicesAt([service]).map((own) => {
      const place = servicePlace(env, own);
      return {
        account: own.account?.name ?? '',
        environment: place.environment,
        production: place.production,
        settings: settingStates(env, own),
      };
    }),
    ids: Object.entries(ids).map(([id, { about, list = false, type = 'text', sensitive = false, instead }]) => ({
      id,
      column: columnOf(name, id),
      about,
      list,
      type,
      sensitive,
      ...(instead !== undefined && { instead }),
    })),
    steps: stepsOf(provider),
    tasks: provider.tasks.map(({ name: task, operation, method, path, effect, answerMeans, summary }) => ({
      task,
      operation,
      method,
      path,
      effect,
      ...(effect !== 'read' && { means: answerMeans }),
      summary,
    })),
    skipped: [...skipped].map(([operation, why]) => ({ operation, why })),
  };
}

function stepsOf(provider: Provider) {
  const { steps } = readSteps(provider, provider.steps({ keys: [''], options: {} }));
  return steps.map(({ planned, optional }) => ({
    step: planned.step,
    kind: planned.kind,
    optional,
    task: planned.task,
    calls: callsOf(planned).map(({ task }) => task),
    needs: planned.skips.map(({ without = [] }) => without),
    after: planned.after.map(({ step }) => step),
    bulk: 'bulk' in planned,
  }));
}
