import { Context } from '@temporalio/activity';
import { SweepReleasedError, UnknownSweepError } from '../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import type { TargetRow } from '../ledger/sweeps/snapshot-types';
import { onlyWanted } from '../policy/providers/path';
import { fillPlaceholders, withoutPlaceholders } from '../policy/target-reference';
import type { TargetReference } from '../policy/target-reference';
import type { HttpTask } from '../tasks/define';
import type { Accounts } from '../tasks/worker-accounts';
import type { CallingSweep } from './budget/call-budgets';
import { ownRun, requireChildOfSweep } from './callers';
import type { Callers } from './callers';
import type { StepContext, TaskEnvelope } from './contract';
import { OTHER_ACCOUNTS, refusal, retryable } from './refusals';
import { runTask } from './run-task';
import type { TaskDependencies } from './run-task';
import type { ChunkPlan } from './sweep/contract';

/** What it takes to run tasks from workflows. */
interface TaskActivityDependencies extends TaskDependencies {
  /** The sweeps whose user IDs are needed. */
  sweeps: Pick<SweepLedger, 'read' | 'readUser' | 'isOpen'>;
  /** Looks up which run calls. */
  callers: Callers;
  accounts: Accounts;
}

/**
 * An activity that runs one task. A context counts only if a run of the package's own workflows sent it; all other
 * callers get only the task's output, with or without a context.
 */
export type TaskActivity = (input: unknown, context?: StepContext) => Promise<unknown>;

/** Heartbeat interval in milliseconds; heartbeats also deliver cancellation. */
const HEARTBEAT_MS = 1_000;

/** Returns one activity per task, under the task's name. */
export function createTaskActivities(
  tasks: readonly HttpTask[],
  dependencies: TaskActivityDependencies,
): Record<string, TaskActivity> {
  return Object.fromEntries(tasks.map((task) => [task.name, taskActivity(task, dependencies)]));
}

function taskActivity(task: HttpTask, dependencies: TaskActivityDependencies): TaskActivity {
  return async (given, claimed) => {
    const activity = Context.current();
    const { workflowExecution, activityId, activityRunId, attempt } = activity.info;
    const heartbeat = setInterval(() => activity.heartbeat(), HEARTBEAT_MS);
    try {
      const caller = claimed && (await ownRun(dependencies.callers));
      const context = caller ? claimed : undefined;
      const target =
        context?.target &&
        (await filledIn(dependencies, task, given, { target: context.target, account: context.account }));
      const input = target ? target.input : given;
      const called = dependencies.accounts.taskOf(task, context?.account);
      const response = await runTask(dependencies, called, input, {
        workflowId: workflowExecution?.workflowId ?? '',
        runId: workflowExecution?.runId ?? activityRunId ?? '',
        activityId,
        attempt,
        step: context?.step ?? task.name,
        holdSubjects: context?.holdSubjects ?? [],
        inHistory: { input: context?.target ? withoutPlaceholders(given) : given },
        signal: activity.cancellationSignal,
        counts: target ? 'counted' : caller?.workflowType === 'offboardUser' ? 'run' : 'ids',
        ...(target && { sweep: target.sweep }),
      });
      if (!context) return response.output;
      const { status, requestId, token, perhapsDone } = response;
      const output = kept(response.output, context, target);
      return {
        ...{ status, attempt, output, requestId, token },
        ...(perhapsDone && { perhapsDone }),
      } satisfies TaskEnvelope;
    } finally {
      clearInterval(heartbeat);
    }
  };
}

/** What of a call is made for a user of a sweep. */
interface FilledIn {
  input: unknown;
  sweep: CallingSweep;
  /** Puts the user's IDs in place of placeholders. */
  fill: (value: unknown) => unknown;
}

/** The part of a response that the run requested. */
function kept(output: unknown, { keeps }: StepContext, target: FilledIn | undefined): unknown {
  if (!keeps) return output;
  const match = (target ? target.fill(keeps.match) : keeps.match) as typeof keeps.match;
  return onlyWanted(output, { ...keeps, match }, keeps.match);
}

/** Returns the input with the IDs of a sweep's user in place of the workflow's placeholders. */
async function filledIn(
  { sweeps, callers, accounts }: TaskActivityDependencies,
  task: HttpTask,
  input: unknown,
  { target, account }: { target: TargetReference; account: string | undefined },
): Promise<FilledIn> {
  const { sweepId, plan } = await requireChildOfSweep(callers, sweeps, target);
  // A generic task's input decides where IDs would be sent.
  if (task.generic) throw refusal('target', `${task.name} cannot be called for users of sweeps`);
  const { user } = await findTarget(sweeps, target);
  if (accounts.accountAt(task.service.name, user.account) !== account) throw refusal('user.account', OTHER_ACCOUNTS);
  const { dryRunRate } = plan === undefined ? {} : (JSON.parse(plan) as Partial<ChunkPlan>);
  const fill = (value: unknown): unknown => fillPlaceholders(value, user);
  return { input: fill(input), sweep: { sweepId, ...(dryRunRate !== undefined && { dryRunRate }) }, fill };
}

/**
 * Reads a sweep's user from the ledger.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, non-retryable, if there is no such user or its IDs were purged or
 * released; `Task.LedgerUnavailable`, retryable.
 */
export async function findTarget(sweeps: Pick<SweepLedger, 'readUser'>, target: TargetReference): Promise<TargetRow> {
  const found = await retryable(() => readTarget(sweeps, target));
  if (found) return found;
  throw refusal('user.seq', `the sweep has no user ${target.seq} whose IDs are still in the ledger`);
}

async function readTarget(
  sweeps: Pick<SweepLedger, 'readUser'>,
  target: TargetReference,
): Promise<TargetRow | undefined> {
  try {
    return await sweeps.readUser(target);
  } catch (error) {
    if (!(error instanceof UnknownSweepError || error instanceof SweepReleasedError)) throw error;
    throw refusal('user.sweepId', error.message.replace(/\.$/, ''));
  }
}
