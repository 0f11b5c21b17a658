import type { Client, WorkflowHandle } from '@temporalio/client';
import { readLedgerSettings } from '../config/ledger-settings';
import { plaidEnvironment } from '../config/plaid-environment';
import { readQueueSettings } from '../config/settings';
import { createSubjectHasher } from '../ledger/subject';
import type { OffboardUserInput } from '../policy/offboard-input';
import { startOrJoin } from '../starts/start-or-join';
import { offboardWorkflowId } from '../starts/workflow-ids';
import { CommandFailure } from './errors';
import { withInterruption } from './interruption';
import type { Interruption } from './interruption';
import type { ExitCode, Io } from './io';
import { followProgress } from './offboard-progress';
import { printOffboarding } from './offboard-report';
import { resultOf } from './offboard-result';
import { printJson, say } from './output';
import { requireWorker } from './pollers';
import { withTemporal } from './temporal-client';
import type { TemporalOptions } from './temporal-options';

/** Starts or joins the run for this (checked) input, follows it to its end and prints what became of each step. */
export async function runOffboarding(
  io: Io,
  input: OffboardUserInput,
  options: TemporalOptions & { json?: boolean },
): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  const hasher = createSubjectHasher(readLedgerSettings(io.env).subjectKey);
  const workflowId = offboardWorkflowId(input, plaidEnvironment(io.env), hasher);
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    const { runId, joined } = await startOrJoin(client, { workflowType: 'offboardUser', workflowId, taskQueue, input });
    const handle = client.workflow.getHandle(workflowId, runId);
    say(io, joined ? `${workflowId} is under way already with this input; following it.` : `Started ${workflowId}.`);
    const result = await withInterruption((interruption) => follow(io, client, handle, interruption, options.json ?? false));
    if (options.json) printJson(io, result);
    else printOffboarding(io, result);
    return result.status === 'completed' ? 0 : 1;
  });
}

async function follow(
  io: Io,
  client: Client,
  handle: WorkflowHandle,
  { wished }: Interruption,
  quiet: boolean,
): ReturnType<typeof resultOf> {
  const ended = new AbortController();
  if (!quiet) void followProgress(io, handle, ended.signal);
  try {
    // Without the signal the last long poll would keep the process up for seconds after Ctrl-C.
    const result = client.withAbortSignal(ended.signal, () => resultOf(client, handle));
    const first = await Promise.race([result, wished]);
    if (first !== 'interrupted') return first;
  } finally {
    ended.abort();
  }
  throw new CommandFailure(
    'Interrupted',
    `${handle.workflowId} goes on without you. Run the same command again to follow it, or see it with: http-tasks receipts ${handle.workflowId}`,
  );
}
