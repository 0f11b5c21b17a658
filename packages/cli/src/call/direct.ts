import { randomUUID } from 'node:crypto';
import { runLoneCall, sendLoneCall } from 'temporal-http-tasks/internal/activities/lone-call';
import type { LoneResponse } from 'temporal-http-tasks/internal/activities/lone-call';
import { readText } from 'temporal-http-tasks/internal/config/env';
import type { SenderSettings } from 'temporal-http-tasks/internal/config/sender-settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { Effect, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { withLedger } from '../ledger/open-ledger';
import type { Io } from '../program/io';
import { withInterruption } from '../terminal/interruption';
import { say } from '../terminal/output';
import { readPolicy } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import { refuseUncounted } from '../policy/forbidden';

/** What a call from this process needs. */
export interface DirectCall {
  settings: SenderSettings;
  effect: Effect;
  /** The task that reads whether the call was carried out when its response is lost. */
  look?: HttpTask | undefined;
}

/**
 * Sends a call from this process. A call that changes something is recorded in the ledger, if there is a subject key
 * for it, and is subject to the rate that it shares with the workers there; a read needs no ledger. Ctrl-C stops it
 * before it is sent; a destructive call that was sent is awaited.
 *
 * @throws ApplicationFailure with a `Task.*` type, CancelledFailure.
 */
export async function callDirectly(
  io: Io,
  task: HttpTask,
  input: unknown,
  { settings, effect, look }: DirectCall,
): Promise<LoneResponse> {
  const sender = createTaskSender(settings);
  try {
    return await withInterruption(async ({ signal }) => {
      if (effect === 'read') return sender.send(task, input, { signal });
      if (hasSubjectKey(io)) return sendWithReceipts(io, sender, task, input, { signal, look });
      refuseUncounted(io);
      say(io, 'HTTP_TASKS_SUBJECT_KEY is not set: holds are not checked and no receipt is kept.');
      return sendLoneCall(sender, task, input, { signal, look });
    });
  } finally {
    await sender.close();
  }
}

function hasSubjectKey({ env }: Io): boolean {
  return (
    readText(env, 'HTTP_TASKS_SUBJECT_KEY') !== undefined || readText(env, 'HTTP_TASKS_SUBJECT_KEY_FILE') !== undefined
  );
}

async function sendWithReceipts(
  io: Io,
  sender: TaskSender,
  task: HttpTask,
  input: unknown,
  options: { signal: AbortSignal; look: HttpTask | undefined },
): Promise<LoneResponse> {
  return withLedger(io, async ({ ledger, hasher }) => {
    const runId = randomUUID();
    say(io, `Receipts: http-tasks receipts ${runId}`);
    return runLoneCall({ sender, ledger, hasher, policy: readPolicy(io.env) }, task, input, { runId, ...options });
  });
}
