import { DEFAULT_LEDGER_URL, readLedgerUrl } from 'temporal-http-tasks/internal/config/database-settings';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { readStopsOfLedger, readWorkersOfLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import type { GatewayParts } from './parts';
import type { StopState } from './wire-operations';

/** The environment of calls, for the purpose of confirmation. */
export interface GuardedPlace {
  environment: string;
  production: boolean;
}

/**
 * Returns the environment of runs: production if a worker of the task queue recorded an environment that its service
 * lists as production; otherwise the gateway's own settings. Runs use the workers' settings, not the gateway's. If the
 * gateway lacks the workers' ledger, or they recorded nothing, only its own settings can count.
 *
 * @param service Only environments of this service. @default any service
 * @throws LedgerUnavailableError if the configured ledger cannot be reached.
 */
export async function placeOfRuns(
  { secrets, place: { namespace, taskQueue } }: GatewayParts,
  own: GuardedPlace,
  service?: string,
): Promise<GuardedPlace> {
  if (own.production) return own;
  try {
    const recorded = await readWorkersOfLedger(ledgerOf(secrets.env), { namespace, taskQueue });
    // A worker without a recent heartbeat may still run.
    const found = recorded.find(
      (one) => one.production && one.state !== 'ended' && (service === undefined || one.service === service),
    );
    return found ? { environment: found.environment, production: true } : own;
  } catch (error) {
    // The ledger does not exist, so no worker uses it.
    if (error instanceof LedgerSettingError) return own;
    throw error;
  }
}

/**
 * Returns the production environment that workers use for a service, which the page needs before it asks for
 * confirmation.
 */
export async function productionOfWorkers(parts: GatewayParts, service: string): Promise<string | undefined> {
  try {
    const { production, environment } = await placeOfRuns(parts, { environment: '', production: false }, service);
    return production ? environment : undefined;
  } catch (error) {
    // A run cannot be started in this case, and that request reports why.
    if (error instanceof LedgerUnavailableError || error instanceof SettingsError) return undefined;
    throw error;
  }
}

/** Returns the queries that live workers have, which sweeps and schedules can name. Empty if the ledger is missing. */
export async function queriesOfWorkers({ secrets, place: { namespace, taskQueue } }: GatewayParts): Promise<string[]> {
  try {
    const recorded = await readWorkersOfLedger(ledgerOf(secrets.env), { namespace, taskQueue });
    const live = recorded.filter(({ state }) => state === 'live');
    return [...new Set(live.flatMap(({ queries = [] }) => queries))].sort();
  } catch (error) {
    if (error instanceof LedgerSettingError) return [];
    throw error;
  }
}

/** The emergency stop of the workers' ledger. */
export async function readStop({ secrets }: GatewayParts): Promise<StopState> {
  try {
    const stops = await readStopsOfLedger(ledgerOf(secrets.env));
    const inForce = stops.find(({ liftedAt }) => liftedAt === undefined);
    return {
      known: true,
      ...(inForce && { inForce }),
      earlier: stops.filter((stop) => stop !== inForce).slice(0, MOST_STOPS),
    };
  } catch (error) {
    if (error instanceof LedgerSettingError || error instanceof SettingsError)
      return { known: false, earlier: [], why: error.message };
    throw error;
  }
}

const MOST_STOPS = 50;

function ledgerOf(env: Env): { url: string; plaintextAllowed: boolean } {
  const { url = DEFAULT_LEDGER_URL, plaintextAllowed } = readLedgerUrl(env);
  return { url, plaintextAllowed };
}
