import type { Client } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { CallingRun } from 'temporal-http-tasks/internal/activities/callers';
import type { SweepActivities } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { createSweepActivities } from 'temporal-http-tasks/internal/activities/create-activities';
import type { SweepDependencies } from 'temporal-http-tasks/internal/activities/sweep/sweep-dependencies';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import type { Simulators } from '@temporal-http-tasks/testing';
import { quiet } from '../../support/quiet-runtime';
import { environmentOf } from '../../support/offboarding';
import { SUBJECT_KEY, open } from '../../ledger/databases';
import { UNLIMITED, hasher } from './chunk-place';

/** Every id in these tests begins so, and nothing that leaves an activity may hold it. */
export const CANARY = 'canary';

type Name = keyof SweepActivities;
type Input<N extends Name> = Parameters<SweepActivities[N]>[0];
type ResultOf<N extends Name> = Awaited<ReturnType<SweepActivities[N]>>;

/** How an activity is run. */
export interface RunOptions {
  /** Cancels it. */
  signal?: AbortSignal;
  /** The run whose activity it is. @default the run that works on the sweep, which claims an unclaimed one */
  run?: Partial<CallingRun>;
  onHeartbeat?: (details: unknown) => void;
}

/** A worker's worth of sweep activities over real parts, without Temporal. */
export interface ActivityPlace extends SweepDependencies {
  /** Runs an activity as a worker does. */
  run<N extends Name>(name: N, input: Input<N>, options?: RunOptions): Promise<ResultOf<N>>;
  /** Everything that left activities: results, heartbeats, failures. */
  readonly reported: string[];
  close(): Promise<void>;
}

/** What a test may replace. */
export interface PlaceParts {
  env?: Record<string, string>;
  dependencies?: Partial<SweepDependencies>;
}

/** Opens a place whose calls go to these simulators. */
export async function openActivityPlace(
  simulators: Simulators,
  ledgerUrl: string,
  parts: PlaceParts = {},
): Promise<ActivityPlace> {
  const settings = readSettings(
    {
      ...environmentOf(simulators, { taskQueue: 'none', ledgerUrl }),
      HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
      ...parts.env,
    },
    CATALOGUE_SERVICES,
  );
  const sender = createTaskSender(settings.sender);
  const dependencies: SweepDependencies = {
    ledger: await open(ledgerUrl),
    sender,
    budgets: UNLIMITED,
    hasher,
    catalogue: new Catalogue(),
    providers: new ProviderSet(),
    services: settings.sender.services,
    allowSensitive: settings.allowSensitive,
    sourceSettings: settings.sources,
    searchAttributes: () => [],
    callers: { describe: async () => caller },
    ...parts.dependencies,
  };
  let caller: CallingRun = OWN_RUN;
  const activities = createSweepActivities(dependencies);
  const reported: string[] = [];
  return {
    ...dependencies,
    reported,
    run: async (name, input, options = {}) => {
      caller = { ...OWN_RUN, ...options.run };
      if ('sweepId' in input && options.run === undefined)
        caller.firstRunId = await ownerOf(dependencies, input.sweepId);
      return runActivity(activities[name] as (input: unknown) => Promise<never>, input, caller, options, reported);
    },
    close: () => sender.close(),
  };
}

/** A run as the server describes it. Whether another one is refused is asked of a real server (callers.test.ts). */
export const OWN_RUN: CallingRun = {
  workflowId: 'workflow',
  runId: 'run-1',
  workflowType: 'offboardUsers',
  taskQueue: 'none',
  firstRunId: 'run-1',
};

/**
 * The first run that works on the sweep. An unclaimed one is claimed without terms, so that those of the input count.
 */
async function ownerOf({ ledger }: SweepDependencies, sweepId: string): Promise<string> {
  const row = await ledger.sweeps.read(sweepId).catch(() => undefined);
  if (row === undefined) return OWN_RUN.firstRunId;
  return row.claimedBy ?? (await ledger.sweeps.claim({ sweepId, by: OWN_RUN.firstRunId })).claimedBy ?? '';
}

async function runActivity<T>(
  activity: (input: unknown) => Promise<T>,
  input: unknown,
  { workflowId, runId, workflowType }: CallingRun,
  { signal, onHeartbeat }: RunOptions,
  reported: string[],
): Promise<T> {
  const info = { workflowExecution: { workflowId, runId }, workflowType, taskQueue: 'none.internal' };
  const environment = new MockActivityEnvironment(info, { logger: quiet, client: clientOfPlainRun(input) });
  environment.on('heartbeat', (details: unknown) => {
    reported.push(JSON.stringify(details));
    onHeartbeat?.(details);
  });
  const cancel = (): void => environment.cancel('CANCELLED');
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel);
  try {
    const response = (await environment.run(activity, input)) as T;
    reported.push(JSON.stringify(response) ?? '');
    return response;
  } catch (error) {
    reported.push(textOf(error));
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** What an activity asks of the server: how the input is stored with which its run was started. Here, in plain text. */
function clientOfPlainRun(input: unknown): Client {
  const payloads = [defaultPayloadConverter.toPayload(input)];
  const history = { events: [{ workflowExecutionStartedEventAttributes: { input: { payloads } } }] };
  const workflowService = { getWorkflowExecutionHistory: async () => ({ history }) };
  const withAbortSignal = <T>(_signal: AbortSignal, run: () => Promise<T>): Promise<T> => run();
  return { workflowService, withAbortSignal } as unknown as Client;
}

/** Everything of an error that Temporal would keep. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const details = error instanceof ApplicationFailure ? JSON.stringify(error.details) : '';
  return [error.message, error.stack, details, error.cause === undefined ? '' : textOf(error.cause)].join('\n');
}

/** How an activity failed. */
export async function failureOf(
  running: Promise<unknown>,
): Promise<TaskFailure & { retryable: boolean; delay?: unknown }> {
  const failure: unknown = await running.then(
    (response) => new Error(`It did not fail: ${JSON.stringify(response)}`),
    (error: unknown) => error,
  );
  if (!(failure instanceof ApplicationFailure)) throw failure;
  const details = failure.details?.[0] as TaskFailure;
  return { ...details, message: failure.message, retryable: !failure.nonRetryable };
}

/** A row with the ids of a made-up user: `canary-p-…` at Plaid and `canary-b-…` at Batch. */
export function canary(name: string | number): { plaidUserId: string; batchUserId: string } {
  return { plaidUserId: `${CANARY}-p-${name}`, batchUserId: `${CANARY}-b-${name}` };
}

/** Rows of such users. */
export function canaries(prefix: string, count: number): TargetRow[] {
  return Array.from({ length: count }, (_, index) => targetRow(canary(`${prefix}-${index}`)));
}

/** A row as the snapshot holds it. */
export function targetRow(user: TargetUser, environment = 'sandbox'): TargetRow {
  return { user, subjects: userSubjects(user, { plaid: environment }, hasher) };
}
