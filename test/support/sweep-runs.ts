import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WithStartWorkflowOperation, WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { offboardUsers } from 'temporal-http-tasks/internal/workflows/offboard-users';
import { setRateUpdate, sweepProgressQuery } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import type { OffboardUsersInput, SweepProgress } from 'temporal-http-tasks/workflow';
import { freshId, openPlace } from './offboarding';
import type { Place, PlaceOptions } from './offboarding';
import { PATIENCE_MS, until } from './offboarding-runs';

export type SweepHandle = WorkflowHandleWithFirstExecutionRunId<typeof offboardUsers>;

/** How many users of the simulators no run is asked to offboard. */
export const BYSTANDERS = 50;

/** A place with a folder of sources. */
export interface SweepPlace extends Place {
  /**
   * Makes both simulators know `count` users and some bystanders, and writes a CSV file of the users; returns its name.
   */
  users(count: number, options?: SeededUsers): Promise<string>;
  /** Starts a sweep. */
  start(input: Partial<OffboardUsersInput>): Promise<SweepHandle>;
  /** Starts a sweep together with an update that sets its rate, so that the update comes before the ledger has it. */
  startWithRate(
    input: Partial<OffboardUsersInput>,
    callsPerMinute: number,
  ): { update: Promise<SweepProgress>; handle: WorkflowHandle<typeof offboardUsers> };
}

export interface SeededUsers {
  itemsPerUser?: number;
  /** Ids of users begin with this. */
  prefix?: string;
}

/** Opens a place whose workers may read a folder of CSV files. */
export async function openSweepPlace(options: PlaceOptions = {}): Promise<SweepPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-sources-'));
  const { plaid, ...rest } = options;
  const place = await openPlace({
    // A removal that is sent twice would be carried out twice, so that it can be seen.
    plaid: { repeatedRemovals: 'process', ...plaid },
    ...rest,
    env: { HTTP_TASKS_SOURCE_DIR: folder, ...options.env },
  });
  const { simulators, taskQueue } = place;
  const sweepOf = (input: Partial<OffboardUsersInput>) => ({
    workflowId: freshId('sweep'),
    options: { taskQueue, args: [{ reason: { code: 'USER_OFFBOARDING' }, ...input }] as [OffboardUsersInput] },
  });
  return {
    ...place,
    users: async (count, { itemsPerUser = 1, prefix = freshId('p') } = {}) => {
      simulators.plaid.seed({ generate: { count: count + BYSTANDERS, prefix: `${prefix}-`, itemsPerUser } });
      simulators.batch.seed({ generate: { count: count + BYSTANDERS, prefix: `${prefix}-` } });
      const lines = Array.from({ length: count }, (_, index) => `${prefix}-${index},${prefix}-${index}`);
      const file = `${freshId('users')}.csv`;
      await writeFile(join(folder, file), ['plaid_user_id,batch_user_id', ...lines, ''].join('\n'));
      return file;
    },
    start: (input) => {
      const { workflowId, options } = sweepOf(input);
      return place.client.workflow.start<typeof offboardUsers>('offboardUsers', { ...options, workflowId });
    },
    startWithRate: (input, callsPerMinute) => {
      const { workflowId, options } = sweepOf(input);
      const startWorkflowOperation = new WithStartWorkflowOperation<typeof offboardUsers>('offboardUsers', {
        ...options,
        workflowId,
        workflowIdConflictPolicy: 'FAIL',
      });
      return {
        update: place.client.workflow.executeUpdateWithStart(setRateUpdate, {
          args: [{ callsPerMinute }],
          startWorkflowOperation,
        }),
        handle: place.client.workflow.getHandle<typeof offboardUsers>(workflowId),
      };
    },
    close: async () => {
      await place.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Outcomes of the users at Plaid: how many are gone, how many were touched, and that nothing was done twice. */
export function goneAtPlaid({ simulators }: Place): { gone: number; left: number; irreversibleRepeats: number } {
  const { counts, repeats } = simulators.plaid.state();
  return { gone: counts.gone, left: counts.left, irreversibleRepeats: repeats.irreversible.length };
}

/** How many calls both simulators have got so far. */
export function callsMade({ simulators: { plaid, batch } }: Place): number {
  return plaid.figures().calls.total + batch.figures().calls.total;
}

/** Waits until the sweep's progress is so. */
export async function untilProgress(
  handle: SweepHandle,
  what: string,
  holds: (progress: SweepProgress) => boolean,
  withinMs = PATIENCE_MS,
): Promise<SweepProgress> {
  let progress: SweepProgress | undefined;
  await until(
    what,
    async () => {
      progress = await handle.query(sweepProgressQuery);
      return holds(progress);
    },
    withinMs,
  );
  return progress as SweepProgress;
}

/** Awaits the end of a cancelled sweep and returns its state. */
export async function cancelledSweep(handle: SweepHandle): Promise<SweepProgress> {
  const error: unknown = await handle.result().then(
    (result) => new Error(`it ended well: ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof CancelledFailure)) throw error;
  return handle.query(sweepProgressQuery);
}
