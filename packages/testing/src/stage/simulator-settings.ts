import { baseUrlSettingOf } from 'temporal-http-tasks/internal/providers/names';
import type { ProviderSimulator } from '../simulators/described/provider-simulator';
import type { Simulators } from '../simulators/start-simulators';

/** The settings under which workers and commands call these simulators; all keys are invented. */
export function simulatorSettings({ plaid, batch }: Simulators): Record<string, string> {
  return {
    PLAID_BASE_URL: plaid.url,
    PLAID_CLIENT_ID: plaid.clientId,
    PLAID_SECRET: plaid.secret,
    BATCH_BASE_URL: batch.url,
    BATCH_REST_API_KEY: batch.restApiKey,
    BATCH_API_KEYS: Object.entries(batch.appKeys)
      .map(([name, key]) => `${name}=${key}`)
      .join(','),
  };
}

/** The settings under which workers call the simulator of a provider file. */
export function providerSettings({ provider, url, keys }: ProviderSimulator): Record<string, string> {
  return { [baseUrlSettingOf(provider)]: url, ...keys };
}
