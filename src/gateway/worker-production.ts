import { DEFAULT_LEDGER_URL, readLedgerUrl } from '../config/ledger-settings';
import { SettingsError } from '../config/problems';
import { LedgerUnavailableError } from '../ledger/ledger';
import { readWorkersOfLedger } from '../ledger/open-ledger';
import { LedgerSettingError } from '../ledger/setting-error';
import type { GatewayParts } from './parts';

/** Where calls go, for the purpose of asking. */
export interface GuardedPlace {
  environment: string;
  production: boolean;
}

/**
 * Returns where runs go: to production where a worker of the task queue recorded an environment that its service lists as
 * production, else where the gateway's own settings say. Runs use the workers' settings, not the gateway's. Where the gateway
 * does not have the workers' ledger, or they recorded nothing, only its own settings can count.
 *
 * @param service Only environments of this service. @default any service
 * @throws LedgerUnavailableError when the ledger that the settings name cannot be reached.
 */
export async function placeOfRuns(
  { secrets, place: { namespace, taskQueue } }: GatewayParts,
  own: GuardedPlace,
  service?: string,
): Promise<GuardedPlace> {
  if (own.production) return own;
  try {
    const { url = DEFAULT_LEDGER_URL, plaintextAllowed } = readLedgerUrl(secrets.env);
    const recorded = await readWorkersOfLedger({ url, plaintextAllowed }, { namespace, taskQueue });
    // A worker that fell silent may still run.
    const found = recorded.find(
      (one) => one.production && one.state !== 'ended' && (service === undefined || one.service === service),
    );
    return found ? { environment: found.environment, production: true } : own;
  } catch (error) {
    // There is no such ledger, so no worker of it either.
    if (error instanceof LedgerSettingError) return own;
    throw error;
  }
}

/** The name of the production environment that workers use for a service; for the page, which has to know before it asks. */
export async function productionOfWorkers(parts: GatewayParts, service: string): Promise<string | undefined> {
  try {
    const { production, environment } = await placeOfRuns(parts, { environment: '', production: false }, service);
    return production ? environment : undefined;
  } catch (error) {
    // A run cannot be started then, and what is refused says so.
    if (error instanceof LedgerUnavailableError || error instanceof SettingsError) return undefined;
    throw error;
  }
}
