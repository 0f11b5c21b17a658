import type { Client } from '@temporalio/client';
import { DEFAULT_LEDGER_URL, readLedgerUrl } from 'temporal-http-tasks/internal/config/database-settings';
import { accountOf, mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import type { RecordedEnvironment, ServiceEnvironment } from 'temporal-http-tasks/internal/ledger/worker-environments';
import { activityPollers } from 'temporal-http-tasks/internal/operator/pollers';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import type { Io } from '../program/io';

/** Where the workers of a task queue delete. */
export interface WorkerPlace {
  namespace: string;
  taskQueue: string;
  /** Whether any worker uses an environment that its service lists as production; also true when this is not known. */
  production: boolean;
  /** Why it is not known. */
  unknownBecause?: string;
  /** What the live workers recorded, each service with each of its environments once. */
  environments: readonly ServiceEnvironment[];
}

/**
 * Where the workers of a task queue delete, as they recorded it in the ledger. This command's own settings, such as
 * `PLAID_ENV`, say nothing about it. What cannot be read counts as production.
 *
 * @throws SettingsError when HTTP_TASKS_LEDGER_URL cannot be used.
 */
export async function readWorkerPlace(io: Io, client: Client, taskQueue: string): Promise<WorkerPlace> {
  const queue = { namespace: client.options.namespace, taskQueue };
  const { url, plaintextAllowed } = readLedgerUrl(io.env);
  try {
    // Only commands that ask pay for loading the databases' drivers.
    const { readWorkersOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    const recorded = await readWorkersOfLedger({ url: url ?? DEFAULT_LEDGER_URL, plaintextAllowed }, queue);
    return { ...queue, ...placeOf(recorded, await activityPollers(client, taskQueue), queue.taskQueue) };
  } catch (error) {
    if (!(error instanceof LedgerSettingError || error instanceof LedgerUnavailableError)) throw error;
    const why = url === undefined ? 'HTTP_TASKS_LEDGER_URL is not set here' : error.message.replace(/\.$/, '');
    return {
      ...queue,
      production: true,
      environments: [],
      unknownBecause: `${why}. Set HTTP_TASKS_LEDGER_URL to the ledger of the worker.`,
    };
  }
}

/**
 * Judges what workers recorded. One that fell silent still counts while Temporal sees it poll; one that polls and has
 * recorded nothing, for example because it is of an older version, makes everything unknown.
 *
 * @param pollers Identities of the workers that poll the task queue.
 */
export function placeOf(
  recorded: readonly RecordedEnvironment[],
  pollers: readonly string[],
  taskQueue: string,
): Pick<WorkerPlace, 'production' | 'unknownBecause' | 'environments'> {
  const live = recorded.filter(({ state }) => state === 'live');
  const isLive = (identity: string): boolean => live.some((one) => one.identity === identity);
  const polling = recorded.filter(
    ({ state, identity }) => state === 'silent' && !isLive(identity) && pollers.includes(identity),
  );
  const environments = eachOnce([...live, ...polling]);
  const stranger = pollers.find((poller) => recorded.every(({ identity }) => identity !== poller));
  const unknownBecause =
    stranger !== undefined && environments.length > 0
      ? `the worker ${stranger} polls the task queue "${taskQueue}" and has not recorded its environment in this ` +
        'ledger; it is of an older version or uses another ledger.'
      : environments.length === 0
        ? `no live worker of the task queue "${taskQueue}" has recorded its environment in this ledger; check ` +
          'HTTP_TASKS_LEDGER_URL, and that the worker is of this version.'
        : undefined;
  const production = unknownBecause !== undefined || environments.some((one) => one.production);
  return { production, environments, ...(unknownBecause !== undefined && { unknownBecause }) };
}

function eachOnce(recorded: readonly ServiceEnvironment[]): ServiceEnvironment[] {
  const found = new Map<string, ServiceEnvironment>();
  for (const { service, environment, production, keySlots } of recorded) {
    const key = JSON.stringify([service, environment]);
    const known = found.get(key);
    found.set(key, {
      service,
      environment,
      production: production || (known?.production ?? false),
      keySlots: [...new Set([...(known?.keySlots ?? []), ...keySlots])],
    });
  }
  return [...found.values()];
}

/** `PRODUCTION`, `sandbox` or `unknown`, with what each service uses. */
export function placeText({ production, unknownBecause, environments }: WorkerPlace): string {
  const shown = environments.filter(({ service, production: real }) => real || isProvider(service));
  const list = [...shown]
    .sort(realFirst)
    .map(({ service, environment }) => `${titleOf(service)}: ${environment}`)
    .join(', ');
  const judged =
    unknownBecause === undefined ? (production ? 'PRODUCTION' : 'not production') : 'UNKNOWN, treated as PRODUCTION';
  return list === '' ? judged : `${judged} (${list})`;
}

/** Production before everything else, then in the catalogue's order. */
function realFirst(one: ServiceEnvironment, other: ServiceEnvironment): number {
  const place = ({ service }: ServiceEnvironment): number =>
    CATALOGUE_SERVICES.findIndex(({ name }) => name === mainServiceOf(service));
  return Number(other.production) - Number(one.production) || place(one) - place(other);
}

/** Which services a run may delete from when its task queue has them. */
function isProvider(service: string): boolean {
  return CATALOGUE_SERVICES.some(({ name, credentials }) => name === mainServiceOf(service) && credentials.length > 0);
}

function titleOf(service: string): string {
  const title = CATALOGUE_SERVICES.find(({ name }) => name === mainServiceOf(service))?.title;
  const account = accountOf(service);
  return title === undefined || account === undefined ? (title ?? service) : `${title} (${account})`;
}
