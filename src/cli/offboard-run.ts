import type { Client, WorkflowHandle } from '@temporalio/client';
import { readLedgerSettings } from '../config/ledger-settings';
import { readQueueSettings } from '../config/settings';
import { createSubjectHasher } from '../ledger/subject';
import { userSubjects } from '../ledger/user-subjects';
import type { OffboardUserInput } from '../policy/offboard-input';
import { CommandFailure } from './errors';
import { withInterruption } from './interruption';
import type { Interruption } from './interruption';
import type { ExitCode, Io } from './io';
import { followProgress } from './offboard-progress';
import { printOffboarding } from './offboard-report';
import { resultOf } from './offboard-result';
import { printJson, say } from './output';
import { requireWorker } from './pollers';
import { startOrJoin } from './start-or-join';
import { withTemporal } from './temporal-client';
import type { TemporalOptions } from './temporal-options';
import { plaidEnvironment } from './user-options';

/** Starts or joins the run for this (checked) input, follows it to its end and prints what became of each step. */
export async function runOffboarding(
  io: Io,
  input: OffboardUserInput,
  options: TemporalOptions & { json?: boolean },
): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  const workflowId = offboardWorkflowId(io, input);
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    const { handle, joined } = await startOrJoin(client, { workflowId, taskQueue, input });
    say(io, joined ? `${workflowId} is under way already with this input; following it.` : `Started ${workflowId}.`);
    const result = await withInterruption((interruption) => follow(io, client, handle, interruption, options.json ?? false));
    if (options.json) printJson(io, result);
    else printOffboarding(io, result);
    return result.status === 'completed' ? 0 : 1;
  });
}

/** The id under which every caller outside Temporal starts the run for a user. It holds a keyed hash, not an id. */
function offboardWorkflowId(io: Io, { user, dryRun }: OffboardUserInput): string {
  const hasher = createSubjectHasher(readLedgerSettings(io.env).subjectKey);
  const [subject] = userSubjects(user, plaidEnvironment(io.env), hasher);
  return `offboard-${dryRun ? 'dry-' : ''}${subject}`;
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
