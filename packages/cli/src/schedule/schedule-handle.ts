import { ScheduleNotFoundError } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleHandle } from '@temporalio/client';
import { CommandFailure, Refusal } from '../errors';
import { SWEEP_WORKFLOW } from '../sweep/sweep-run';

/** A schedule of sweeps as Temporal has it. */
export interface FoundSchedule {
  handle: ScheduleHandle;
  description: ScheduleDescription;
}

/**
 * Finds a schedule by its name.
 *
 * @throws CommandFailure `NotFound` when there is none, or one of another workflow, which is none of our business.
 */
export async function findSchedule(client: Client, name: string): Promise<FoundSchedule> {
  if (name === '') throw new Refusal('Usage', 'The name of a schedule must not be empty.', 'name');
  const handle = client.schedule.getHandle(name);
  try {
    const description = await handle.describe();
    if (description.action.workflowType === SWEEP_WORKFLOW) return { handle, description };
    throw new CommandFailure('NotFound', `The schedule ${name} starts ${description.action.workflowType}, not sweeps.`);
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw new CommandFailure(
      'NotFound',
      `Temporal has no schedule ${name}. http-tasks schedule list shows those there are; check the name, TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.`,
    );
  }
}
