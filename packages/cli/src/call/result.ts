import { CancelledFailure } from '@temporalio/common';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { taskFailureOf } from 'temporal-http-tasks/internal/workflows/failure-of';
import { CommandFailure, Refusal } from '../program/errors';

/** The result of a call, as `--json` prints it. */
export interface CallResult {
  ok: boolean;
  status?: number;
  output?: unknown;
  requestId?: string;
  /** The response was lost, and this task's read showed that the call was carried out. */
  settledBy?: string;
  failure?: Pick<TaskFailure, 'type' | 'service' | 'status' | 'code' | 'requestId' | 'message'>;
}

type Received = Pick<CallResult, 'status' | 'output' | 'requestId' | 'settledBy'>;

/** Makes a call and returns its result; throws for an input that was refused and a call that was stopped. */
export async function attempt(task: HttpTask, call: () => Promise<Received>): Promise<CallResult> {
  try {
    const { status, output, requestId, settledBy } = await call();
    return { ok: true, status, output, requestId, ...(settledBy !== undefined && { settledBy }) };
  } catch (error) {
    if (error instanceof CancelledFailure)
      throw new CommandFailure('Interrupted', `${task.name} was stopped before it was sent or while it only read.`);
    const failure = taskFailureOf(error);
    if (!failure) throw error;
    if (failure.type === 'Task.InvalidInput') {
      throw new Refusal('Task.InvalidInput', failure.message, failure.field);
    }
    return failed(failure);
  }
}

function failed({ type, service, status, code, requestId, message }: TaskFailure): CallResult {
  return { ok: false, status, requestId, failure: { type, service, status, code, requestId, message } };
}
