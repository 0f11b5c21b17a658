import { setTimeout } from 'node:timers/promises';
import type { TaskResponse } from '../http/read-response';
import type { TaskSender } from '../http/send-task';
import type { OpenedLedger } from '../ledger/open-ledger';
import type { SubjectHasher } from '../ledger/subject';
import type { CallResponse } from '../policy/converge';
import { isSettledByLook, settleLostCall } from '../policy/settle-lost-call';
import type { HttpTask } from '../tasks/define';
import { taskFailureIn } from './refusals';
import { createCallBudgets, documentedLimits } from './budget/call-budgets';
import type { Governing } from './governed';
import { runTask } from './run-task';

/** What a call outside Temporal needs. */
export interface LoneCallParts {
  sender: TaskSender;
  ledger: OpenedLedger;
  hasher: SubjectHasher;
  /** What the operator allows. @default everything */
  policy?: Governing;
}

/** The result of a call outside Temporal. */
export interface LoneResponse extends Omit<TaskResponse, 'environment'> {
  /** The response was lost, and this task's read showed that the call was carried out; status and request ID are the read's. */
  settledBy?: string;
}

/**
 * Sends one call outside Temporal in the same way as an activity: holds are obeyed, intent and outcome are recorded
 * with the given run ID, and the rate is shared with the workers of this ledger. A lost response is settled as in a workflow.
 *
 * @param look The task that `settle` of the task names, if it has one.
 * @throws whatever `runTask` throws.
 */
export async function runLoneCall(
  { sender, ledger, hasher, policy }: LoneCallParts,
  task: HttpTask,
  input: unknown,
  { runId, signal, look }: { runId: string; signal?: AbortSignal | undefined; look?: HttpTask | undefined },
): Promise<LoneResponse> {
  const services = [...new Set([task.service, ...(look ? [look.service] : [])])];
  const budgets = createCallBudgets({ rates: ledger.rates, documentedLimit: documentedLimits(services) });
  const dependencies = { sender, ledger, hasher, budgets, allowSensitive: new Set<string>(), policy };
  const own = { workflowId: '', runId, attempt: 1, holdSubjects: [], signal };
  try {
    return await settled({ task, input, look, signal }, (called, given, number) =>
      runTask(dependencies, called, given, {
        ...own,
        activityId: `call-${runId}${number === 0 ? '' : `-${number}`}`,
        step: called.name,
      }),
    );
  } finally {
    await budgets.close();
  }
}

/** Sends one call outside Temporal without a ledger: no holds, no receipts. A lost response is settled as in a workflow. */
export async function sendLoneCall(
  sender: TaskSender,
  task: HttpTask,
  input: unknown,
  { signal, look }: { signal?: AbortSignal | undefined; look?: HttpTask | undefined },
): Promise<LoneResponse> {
  return settled({ task, input, look, signal }, (called, given) =>
    sender.send(called, given, { ...(signal && { signal }) }),
  );
}

/** A call with the task that reads whether it was carried out. */
interface SettledCall {
  task: HttpTask;
  input: unknown;
  look: HttpTask | undefined;
  signal: AbortSignal | undefined;
}

/** Makes a call; one whose response is lost is settled by the read that its task names. */
async function settled(
  { task, input, look, signal }: SettledCall,
  send: (task: HttpTask, input: unknown, number: number) => Promise<TaskResponse>,
): Promise<LoneResponse> {
  try {
    return await send(task, input, 0);
  } catch (error) {
    const failure = taskFailureIn(error, task);
    const { settle } = task;
    if (!failure || !look || !isSettledByLook(settle, failure)) throw error;
    const end = await settleLostCall<CallResponse & { response?: TaskResponse }>(
      { task, input, settle, failure },
      {
        call: async ({ isLook, input: given }, number) => {
          try {
            const response = await send(isLook ? look : task, given, number);
            return { ok: true, output: response.output, attempt: 1, response };
          } catch (failed) {
            const its = taskFailureIn(failed, isLook ? look : task);
            if (!its) throw failed;
            return { ok: false, failure: its };
          }
        },
        wait: (delayMs) => setTimeout(delayMs, undefined, { ...(signal && { signal }) }),
        nowMs: () => Date.now(),
      },
    ).catch((stopped: unknown) => {
      // What is known of the call does not change by the interruption.
      throw signal?.aborted ? error : stopped;
    });
    if (end.kind === 'unknown') throw error;
    if (end.kind === 'responded') return end.result.response as TaskResponse;
    return { ...factsOf(end.shownBy), output: settle.output, settledBy: settle.with };
  }
}

function factsOf(shownBy: CallResponse & { response?: TaskResponse }): Pick<LoneResponse, 'status' | 'requestId'> {
  const { status = 0, requestId } = shownBy.response ?? (shownBy.ok ? {} : shownBy.failure);
  return { status, ...(requestId !== undefined && { requestId }) };
}
