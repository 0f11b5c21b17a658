import { sql } from 'kysely';
import { guardedBy } from './sql-calls';
import type { CallLimits } from './sql-calls';
import type { LedgerDatabase } from './store';
import { storable } from './values';

/** Time without a beat after which a worker counts as silent, in milliseconds: six beats. */
export const LIVE_MS = 60_000;

/** Interval of a worker's beats, in milliseconds. */
export const BEAT_MS = 10_000;

/** How long a worker's record is kept after its last beat, in milliseconds. */
const KEPT_MS = 24 * 3_600_000;

/** The queue that a worker polls. */
export interface WorkerQueue {
  namespace: string;
  taskQueue: string;
}

/** One service as used by one worker. */
export interface ServiceEnvironment {
  /** For example `plaid`. */
  service: string;
  /** For example `sandbox`. */
  environment: string;
  /** Whether the service lists this environment as production. */
  production: boolean;
  /** Names of the keys, of which each call uses one, for example `['ios', 'android']`. */
  keySlots: readonly string[];
}

/** A worker that polls a task queue. */
export interface RecordedWorker extends WorkerQueue {
  /** Unique per start of a worker. */
  worker: string;
  /** As listed among the queue's pollers in Temporal. */
  identity: string;
  environments: readonly ServiceEnvironment[];
  /** The names of the queries that a source may name. @default not recorded */
  queries?: readonly string[];
}

/** One service of a worker, as read from the ledger. */
export interface RecordedEnvironment extends ServiceEnvironment {
  worker: string;
  identity: string;
  /** `live` until the worker has been silent for {@link LIVE_MS}, then `silent`; `ended` after an orderly shutdown. */
  state: 'live' | 'silent' | 'ended';
  /** The names of the worker's queries; absent for a worker of an earlier version. */
  queries?: readonly string[];
}

/** Records the environments that running workers use. */
export interface WorkerLedger {
  /** Records a worker, or that it is still alive. Removes workers without a beat for more than a day. */
  beat(worker: RecordedWorker): Promise<void>;
  /** Records the orderly shutdown of a worker. */
  end(worker: string): Promise<void>;
  /** Returns what the workers of a task queue recorded within the last day. */
  readWorkers(queue: WorkerQueue): Promise<RecordedEnvironment[]>;
  /** Returns the services and their keys that workers of any task queue recorded within the last day. */
  readServices(): Promise<Pick<ServiceEnvironment, 'service' | 'keySlots'>[]>;
}

/** Creates the workers part of a ledger over an open database whose schema is up to date. */
export function createSqlWorkerLedger(database: LedgerDatabase, limits: CallLimits): WorkerLedger {
  const guarded = guardedBy(database, limits);
  return {
    beat: guarded(beat),
    end: guarded(end),
    readWorkers: guarded(readWorkers),
    readServices: guarded(readServices),
  };
}

/** See `WorkerLedger.beat`. Uses the database's clock, because the workers' clocks may differ. */
async function beat({ db, store }: LedgerDatabase, recorded: RecordedWorker): Promise<void> {
  const now = store.clockMs();
  const { worker, identity, namespace, taskQueue, environments, queries } = recorded;
  if (environments.length === 0) return;
  await db
    .insertInto('worker_environments')
    .values(
      environments.map(({ service, environment, production, keySlots }) => ({
        worker,
        service: storable(service),
        identity: storable(identity),
        namespace: storable(namespace),
        task_queue: storable(taskQueue),
        environment: storable(environment),
        production: production ? 1 : 0,
        key_slots: storable(JSON.stringify(keySlots)),
        queries: queries === undefined ? null : storable(JSON.stringify(queries)),
        started_ms: now,
        seen_ms: now,
      })),
    )
    .onConflict((conflict) => conflict.columns(['worker', 'service']).doUpdateSet({ seen_ms: now }))
    .execute();
  await db
    .deleteFrom('worker_environments')
    .where(sql<boolean>`seen_ms < ${now} - ${sql.lit(KEPT_MS)}`)
    .execute();
}

async function end({ db }: LedgerDatabase, worker: string): Promise<void> {
  await db.updateTable('worker_environments').set({ ended: 1 }).where('worker', '=', worker).execute();
}

/** See `WorkerLedger.readWorkers`; also for commands that only read. */
export async function readWorkers(
  { db, store }: LedgerDatabase,
  { namespace, taskQueue }: WorkerQueue,
): Promise<RecordedEnvironment[]> {
  const now = store.clockMs();
  const rows = await db
    .selectFrom('worker_environments')
    .select(['worker', 'identity', 'service', 'environment', 'production', 'key_slots', 'ended', 'queries'])
    .select(sql<number>`${now} - seen_ms`.as('silent_ms'))
    .where('namespace', '=', storable(namespace))
    .where('task_queue', '=', storable(taskQueue))
    .orderBy('worker')
    .orderBy('service')
    .execute();
  return rows
    .filter(({ silent_ms }) => silent_ms <= KEPT_MS)
    .map(({ worker, identity, service, environment, production, key_slots, ended, queries, silent_ms }) => ({
      worker,
      identity,
      service,
      environment,
      production: production === 1,
      keySlots: JSON.parse(key_slots) as string[],
      state: ended === 1 ? 'ended' : silent_ms <= LIVE_MS ? 'live' : 'silent',
      ...(queries !== null && { queries: JSON.parse(queries) as string[] }),
    }));
}

async function readServices({
  db,
  store,
}: LedgerDatabase): Promise<Pick<ServiceEnvironment, 'service' | 'keySlots'>[]> {
  const rows = await db
    .selectFrom('worker_environments')
    .select(['service', 'key_slots'])
    .distinct()
    .where(sql<boolean>`seen_ms >= ${store.clockMs()} - ${sql.lit(KEPT_MS)}`)
    .orderBy('service')
    .orderBy('key_slots')
    .execute();
  return rows.map(({ service, key_slots }) => ({ service, keySlots: JSON.parse(key_slots) as string[] }));
}
