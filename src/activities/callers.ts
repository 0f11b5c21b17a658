import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { SweepRow } from '../ledger/sweeps/sweep-types';
import { baseQueueOf } from '../policy/internal-queue';
import { retryable } from './refusals';

/** The package's own workflows. */
export type OwnWorkflow = 'offboardUser' | 'offboardUsers' | 'runHttpTask';

const OWN_WORKFLOWS: readonly string[] = ['offboardUser', 'offboardUsers', 'runHttpTask'] satisfies OwnWorkflow[];

/** What the Temporal server reports about a workflow run. None of it ever changes. */
export interface CallingRun {
  workflowId: string;
  runId: string;
  workflowType: string;
  taskQueue: string;
  /** The same across continue-as-new, retries and resets. */
  firstRunId: string;
  /** Absent for a run that no workflow started. */
  parent?: { workflowId: string; runId: string };
}

/** Looks up runs. */
export interface Callers {
  /**
   * Returns what the server reports about a run in the namespace of the current activity; undefined if there is no such
   * run.
   * @throws ApplicationFailure `Task.Unavailable`, retryable, if the server cannot be reached.
   */
  describe(run: { workflowId: string; runId: string }): Promise<CallingRun | undefined>;
}

/** Reads a sweep's row. */
type ReadSweep = (sweepId: string) => Promise<SweepRow | undefined>;

/** Maximum number of runs to remember, so that the server is queried once per run and not once per activity. */
const REMEMBERED_RUNS = 10_000;
const DESCRIBE_WITHIN_MS = 5_000;

/** gRPC status code. */
const NOT_FOUND = 5;

/** Asks the server that the current activity came from. The activity's own info is not enough: its scheduler sets it. */
export class ServerCallers implements Callers {
  readonly #known = new Map<string, CallingRun>();

  async describe(run: { workflowId: string; runId: string }): Promise<CallingRun | undefined> {
    const { namespace } = Context.current().info;
    const key = JSON.stringify([namespace, run.workflowId, run.runId]);
    const known = this.#known.get(key);
    if (known) return known;
    const described = await describeRun(namespace, run);
    if (described) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined && this.#known.size >= REMEMBERED_RUNS) this.#known.delete(oldest);
      this.#known.set(key, described);
    }
    return described;
  }
}

async function describeRun(
  namespace: string,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<CallingRun | undefined> {
  const { client } = Context.current();
  try {
    const { workflowExecutionInfo: info } = await client.connection.withDeadline(Date.now() + DESCRIBE_WITHIN_MS, () =>
      client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId, runId } }),
    );
    const { type, taskQueue, firstRunId, parentExecution: parent } = info ?? {};
    if (!type?.name || !taskQueue || !firstRunId)
      throw undescribed('does not report the first run of the calling run, which temporal-http-tasks needs');
    return {
      workflowId,
      runId,
      workflowType: type.name,
      taskQueue,
      firstRunId,
      ...(parent?.workflowId && parent.runId && { parent: { workflowId: parent.workflowId, runId: parent.runId } }),
    };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return undefined;
    throw error instanceof ApplicationFailure ? error : undescribed('could not be asked for the calling run');
  }
}

function undescribed(what: string): ApplicationFailure {
  const message = `The Temporal server ${what}. Nothing was done; it will be retried.`;
  return ApplicationFailure.create({
    type: 'Task.Unavailable',
    message,
    details: [{ type: 'Task.Unavailable', service: 'temporal', message }],
  });
}

/**
 * Returns the calling run if it is one of the package's own workflows on the task queue that this activity's queue
 * belongs to; otherwise undefined.
 */
export async function ownRun(callers: Callers): Promise<CallingRun | undefined> {
  const { workflowExecution, taskQueue } = Context.current().info;
  if (!workflowExecution) return undefined;
  const run = await callers.describe(workflowExecution);
  // The run of this activity exists, so a server that does not know it is out of date.
  if (!run) throw undescribed('does not know the calling run');
  return isOwn(run, taskQueue) ? run : undefined;
}

function isOwn({ workflowType, taskQueue }: CallingRun, activityQueue: string): boolean {
  return OWN_WORKFLOWS.includes(workflowType) && taskQueue === baseQueueOf(activityQueue);
}

/**
 * Returns the calling run, which must be of this workflow.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, non-retryable, for a standalone activity, a run of another workflow
 * or on another task queue.
 */
export async function requireRunOf(callers: Callers, workflow: OwnWorkflow): Promise<CallingRun> {
  const run = await ownRun(callers);
  if (run?.workflowType === workflow) return run;
  const { activityType, taskQueue } = Context.current().info;
  throw notServed(
    `${activityType} serves runs of ${workflow} on the task queue ${baseQueueOf(taskQueue)} only. Start ${workflow} instead.`,
  );
}

/**
 * Returns the sweep that the calling run of `offboardUsers` works on.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, non-retryable, for any other caller, and for a sweep of another run.
 */
export async function requireOwnSweep(callers: Callers, read: ReadSweep, sweepId: string): Promise<SweepRow> {
  const run = await requireRunOf(callers, 'offboardUsers');
  return requireClaimedBy(run, await retryable(() => read(sweepId)), sweepId);
}

/**
 * Requires that the calling run of `offboardUser` is a child of the run that works on the sweep, and that the user's
 * intent is in the ledger. The workflow's own information is not enough: it comes from an activity, which anyone in the
 * namespace can complete.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, non-retryable, for any other caller, for a user who was not opened,
 * and for a sweep that has ended, lacks its approval or has more users than allowed.
 */
export async function requireChildOfSweep(
  callers: Callers,
  sweeps: Pick<SweepLedger, 'read' | 'isOpen'>,
  target: { sweepId: string; seq: number },
): Promise<SweepRow> {
  const { sweepId } = target;
  const child = await requireRunOf(callers, 'offboardUser');
  const parent = child.parent && (await callers.describe(child.parent));
  if (!parent || parent.workflowType !== 'offboardUsers' || parent.taskQueue !== child.taskQueue) {
    throw notServed(
      'user.sweepId: only a sweep starts runs for its users. Start offboardUser with the IDs of the user.',
      'user.sweepId',
    );
  }
  const sweep = requireClaimedBy(parent, await retryable(() => sweeps.read(sweepId)), sweepId);
  const { needsApproval, approvedAt, maxUsers, total, endedAt } = sweep;
  const barred =
    (needsApproval && approvedAt === undefined) ||
    endedAt !== undefined ||
    (maxUsers !== undefined && total > maxUsers);
  if (!barred && (await retryable(() => sweeps.isOpen(target)))) return sweep;
  throw notServed(
    `user.seq: the sweep ${sweepId} has not opened the user ${target.seq}; nothing was sent.`,
    'user.seq',
  );
}

function requireClaimedBy({ firstRunId }: CallingRun, sweep: SweepRow | undefined, sweepId: string): SweepRow {
  if (sweep?.claimedBy === firstRunId) return sweep;
  const why = sweep ? 'belongs to another run' : 'is not in this ledger';
  throw notServed(`sweepId: the sweep ${sweepId} ${why}; only the run that opened it may work on it.`, 'sweepId');
}

function notServed(message: string, field?: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.InvalidInput',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.InvalidInput', service: 'http-tasks', message, ...(field !== undefined && { field }) }],
  });
}
