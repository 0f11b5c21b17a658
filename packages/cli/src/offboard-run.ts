import type { Client, WorkflowHandle } from '@temporalio/client';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/ledger-settings';
import { plaidEnvironment } from 'temporal-http-tasks/internal/config/plaid-environment';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { startOrJoin } from 'temporal-http-tasks/internal/starts/start-or-join';
import { offboardWorkflowId } from 'temporal-http-tasks/internal/starts/workflow-ids';
import { confirmDeletion, notConfirmed, placeToAskAbout, removals } from './deletion-question';
import type { AskingOptions, DeletionQuestion } from './deletion-question';
import { CommandFailure } from './errors';
import { withInterruption } from './interruption';
import type { Interruption } from './interruption';
import type { ExitCode, Io } from './io';
import { followProgress } from './offboard-progress';
import { printOffboarding } from './offboard-report';
import { resultOf } from './offboard-result';
import { printJson, printable, say } from './output';
import { requireWorker, sayWhyNotBegun } from './pollers';
import { withTemporal } from './temporal-client';
import type { TemporalOptions } from './temporal-options';
import type { WorkerPlace } from './worker-place';

/** Asks where it has to, starts or joins the run for this (checked) input, follows it to its end and prints what became of each step. */
export async function runOffboarding(
  io: Io,
  input: OffboardUserInput,
  options: TemporalOptions & AskingOptions & { json?: boolean },
): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  const hasher = createSubjectHasher(readLedgerSettings(io.env).subjectKey);
  const workflowId = offboardWorkflowId(input, plaidEnvironment(io.env), hasher);
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    const place = await placeToAskAbout(io, { client, taskQueue }, { yes: options.yes, dryRun: input.dryRun });
    if (place && !(await confirmDeletion(io, place, questionAbout(input, place, workflowId))))
      throw notConfirmed('Nothing was started.');
    const { runId, joined } = await startOrJoin(client, { workflowType: 'offboardUser', workflowId, taskQueue, input });
    const handle = client.workflow.getHandle(workflowId, runId);
    say(io, joined ? `${workflowId} is under way already with this input; following it.` : `Started ${workflowId}.`);
    const result = await withInterruption((interruption) =>
      follow(io, client, handle, interruption, options.json ?? false),
    );
    if (options.json) printJson(io, result);
    else printOffboarding(io, result);
    return result.status === 'completed' ? 0 : 1;
  });
}

function questionAbout(input: OffboardUserInput, place: WorkerPlace, workflowId: string): DeletionQuestion {
  const { plaidUserId, plaidUserToken, batchUserId, reference } = input.user;
  const ids = [
    plaidUserId === undefined ? '' : `Plaid ${plaidUserId}`,
    plaidUserToken === undefined ? '' : `Plaid token …${plaidUserToken.slice(-TOKEN_END)}`,
    batchUserId === undefined ? '' : `Batch ${batchUserId}`,
    reference === undefined ? '' : `reference ${reference}`,
  ];
  const atPlaid = plaidUserId !== undefined || plaidUserToken !== undefined;
  const has: Readonly<Record<string, boolean>> = { Plaid: atPlaid, Batch: batchUserId !== undefined };
  return {
    title: "This deletes one user's data and cannot be undone.",
    facts: [
      ['User', ids.filter(Boolean).join(', ')],
      ...removals(place, input).filter(([provider]) => has[provider]),
      ['Reason', input.reason.code],
    ],
    ...typedFor(input, workflowId),
  };
}

/** So much of a token is shown and typed: the whole of it is a secret. */
const TOKEN_END = 6;

/** What names the user and can be typed: an ID, the end of a token, or else the workflow's own ID. */
function typedFor(
  { user: { plaidUserId, plaidUserToken, batchUserId } }: OffboardUserInput,
  workflowId: string,
): Pick<DeletionQuestion, 'name' | 'typed'> {
  const id = [plaidUserId, batchUserId].find((given) => given !== undefined && isTypeable(given));
  if (id !== undefined) return { name: "the user's ID", typed: id };
  const end = plaidUserToken?.slice(-TOKEN_END) ?? '';
  if (end.length === TOKEN_END && isTypeable(end))
    return { name: `the last ${TOKEN_END} characters of the user's token`, typed: end };
  return { name: 'the ID of the workflow', typed: workflowId };
}

/** Whether a text can be read in a terminal and typed into it. */
function isTypeable(text: string): boolean {
  return text.trim() !== '' && /^[\p{L}\p{N}\p{P}\p{S} ]{1,200}$/u.test(text) && printable(text) === text;
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
  void sayWhyNotBegun(io, { client, handle }, ended.signal);
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
