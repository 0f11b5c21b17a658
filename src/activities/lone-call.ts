import type { TaskAnswer } from '../http/read-answer';
import type { TaskSender } from '../http/send-task';
import type { OpenedLedger } from '../ledger/open-ledger';
import type { SubjectHasher } from '../ledger/subject';
import type { HttpTask } from '../tasks/define';
import { createCallBudgets } from './budget/create-call-budgets';
import { documentedLimits } from './budget/documented-limit';
import { runTask } from './run-task';

/** What a call outside Temporal needs. */
export interface LoneCallParts {
  sender: TaskSender;
  ledger: OpenedLedger;
  hasher: SubjectHasher;
}

/**
 * Sends one call outside Temporal in the same way as an activity: holds are obeyed, intent and outcome are recorded
 * with the given run ID, and the rate is shared with the workers of this ledger.
 *
 * @throws whatever `runTask` throws.
 */
export async function runLoneCall(
  { sender, ledger, hasher }: LoneCallParts,
  task: HttpTask,
  input: unknown,
  { runId, signal }: { runId: string; signal?: AbortSignal },
): Promise<TaskAnswer> {
  const run = {
    workflowId: '',
    runId,
    activityId: `call-${runId}`,
    attempt: 1,
    step: task.name,
    holdSubjects: [],
    signal,
  };
  const budgets = createCallBudgets({ rates: ledger.rates, documentedLimit: documentedLimits([task.service]) });
  try {
    return await runTask({ sender, ledger, hasher, budgets, allowSensitive: new Set() }, task, input, run);
  } finally {
    await budgets.close();
  }
}
