import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import { idAt, idsOf, inOrder, NAMED_FIELDS } from 'temporal-http-tasks/internal/policy/user-ids';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { startOrJoin } from 'temporal-http-tasks/internal/starts/start-or-join';
import { userPlaces } from 'temporal-http-tasks/internal/config/user-places';
import { offboardWorkflowId } from 'temporal-http-tasks/internal/starts/workflow-ids';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { resultOf } from './result';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { requireWorker, sayWhyNotBegun } from '../temporal/pollers';
import type { WorkerPlace } from '../temporal/worker-place';
import { confirmDeletion, notConfirmed, placeToAskAbout, removals, stepsText } from '../terminal/deletion-question';
import type { AskingOptions, DeletionQuestion, Fact } from '../terminal/deletion-question';
import { withInterruption } from '../terminal/interruption';
import type { Interruption } from '../terminal/interruption';
import { printable, printJson, say, paint, print, printLines } from '../terminal/output';
import { refuseUnknownAccount, unknownProvider } from '../users/provider-ids';
import { idsOfInput, sayUnlikelyIds } from '../users/unlikely-ids';
import { refuseForbiddenInput } from '../policy/forbidden';
import { inWords } from '../terminal/words';
import { printTable } from '../terminal/table';

const PAUSE_MS = 500;

/**
 * Starts or joins the run for this (checked) input, after a confirmation if needed, follows it to its end and prints the
 * outcome of each step.
 */
export async function runOffboarding(
  io: Io,
  input: OffboardUserInput,
  options: TemporalOptions & AskingOptions & { json?: boolean; known: ProviderSet },
): Promise<ExitCode> {
  refuseForbiddenInput(io, input);
  const { taskQueue } = readQueueSettings(io.env);
  const hasher = createSubjectHasher(readLedgerSettings(io.env).subjectKey);
  refuseUnknownUser(options.known, input.user);
  await sayUnlikelyIds(io, idsOfInput(input));
  const workflowId = offboardWorkflowId(input, userPlaces(io.env, options.known), hasher);
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    const place = await placeToAskAbout(io, { client, taskQueue }, { yes: options.yes, dryRun: input.dryRun });
    if (place && !(await confirmDeletion(io, place, questionAbout(input, place, workflowId, options.known))))
      throw notConfirmed('Nothing was started.');
    const { runId, joined } = await startOrJoin(client, { workflowType: 'offboardUser', workflowId, taskQueue, input });
    const handle = client.workflow.getHandle(workflowId, runId);
    say(io, joined ? `${workflowId} is already in progress with this input; following it.` : `Started ${workflowId}.`);
    const result = await withInterruption((interruption) =>
      follow(io, client, handle, interruption, options.json ?? false),
    );
    if (options.json) printJson(io, result);
    else printOffboarding(io, result, input.dryRun ?? false);
    return result.status === 'completed' ? 0 : 1;
  });
}

function questionAbout(
  input: OffboardUserInput,
  place: WorkerPlace,
  workflowId: string,
  known: ProviderSet,
): DeletionQuestion {
  const { plaidUserId, plaidUserToken, batchUserId, reference } = namedFields(input.user);
  const isChosen = (provider: string): boolean => input.providers?.includes(provider) ?? true;
  const others = otherProviders(input.user);
  const ids = [
    plaidUserId === undefined ? '' : `Plaid ${plaidUserId}`,
    plaidUserToken === undefined ? '' : `Plaid token …${plaidUserToken.slice(-TOKEN_END)}`,
    batchUserId === undefined ? '' : `Batch ${batchUserId}`,
    ...others.flatMap(([provider, given]) =>
      Object.entries(given).map(([id, value]) => idText(known, { provider, id, value })),
    ),
    input.user.account === undefined ? '' : `account ${input.user.account}`,
    reference === undefined ? '' : `reference ${reference}`,
  ];
  const atPlaid = plaidUserId !== undefined || plaidUserToken !== undefined;
  const has: Readonly<Record<string, boolean>> = { plaid: atPlaid, batch: batchUserId !== undefined };
  return {
    title: "This deletes one user's data and cannot be undone.",
    facts: [
      ['User', ids.filter(Boolean).join(', ')],
      ...removals(place, input)
        .filter(({ provider }) => has[provider] && isChosen(provider))
        .map(({ fact }) => fact),
      ...others
        .filter(([provider]) => isChosen(provider))
        .map(([provider]): Fact => [known.find(provider)?.title ?? provider, stepsText(known, provider, input)]),
      ['Reason', input.reason.code],
    ],
    ...typedFor(input, workflowId, known),
  };
}

/**
 * The run is named by the user's first ID, whose environment and account this command has to know.
 *
 * @throws Refusal that says what to set.
 */
function refuseUnknownUser(known: ProviderSet, user: OffboardUserInput['user']): void {
  refuseUnknownAccount(known, user.account);
  const [first] = inOrder(Object.keys(idsOf(user)));
  if (first === undefined || known.find(first)) return;
  throw new Refusal('Task.InvalidInput', unknownProvider(known, first), `user.ids.${first}`);
}

/** IDs with a field of their own, in whichever form they were given. */
function namedFields(user: OffboardUserInput['user']): OffboardUserInput['user'] {
  const ids = idsOf(user);
  const text = (provider: string, id: string): string | undefined => {
    const value = idAt(ids, provider, id);
    return typeof value === 'string' ? value : undefined;
  };
  return {
    ...user,
    plaidUserId: text('plaid', 'userId'),
    plaidUserToken: text('plaid', 'userToken'),
    batchUserId: text('batch', 'userId'),
  };
}

function otherProviders(user: OffboardUserInput['user']): [provider: string, ids: ProviderIds[string]][] {
  const ids = idsOf(user);
  return inOrder(Object.keys(ids))
    .filter((name) => !NAMED_FIELDS.some(({ provider }) => provider === name))
    .map((name) => [name, ids[name] ?? {}]);
}

/** `Courier Mail contactId c_1`; for a list the number of its entries, and only the end of a secret. */
function idText(
  known: ProviderSet,
  { provider, id, value }: { provider: string; id: string; value: string | readonly string[] },
): string {
  const definition = known.find(provider);
  const title = definition?.title ?? provider;
  if (typeof value !== 'string') return `${title} ${id} (${value.length})`;
  return `${title} ${id} ${definition?.ids[id]?.sensitive ? `…${value.slice(-TOKEN_END)}` : value}`;
}

/** Number of characters of a token that are shown and typed: the whole of it is a secret. */
const TOKEN_END = 6;

/** What names the user and can be typed: an ID, the end of a token, or else the workflow's own ID. */
function typedFor(
  { user }: OffboardUserInput,
  workflowId: string,
  known: ProviderSet,
): Pick<DeletionQuestion, 'name' | 'typed'> {
  const { plaidUserId, plaidUserToken, batchUserId } = namedFields(user);
  const others = otherProviders(user).flatMap(([provider, given]) =>
    Object.entries(given).flatMap(([id, value]) =>
      typeof value === 'string' && !known.find(provider)?.ids[id]?.sensitive ? [value] : [],
    ),
  );
  const id = [plaidUserId, batchUserId, ...others].find((given) => given !== undefined && isTypeable(given));
  if (id !== undefined) return { name: "the user's ID", typed: id };
  const end = plaidUserToken?.slice(-TOKEN_END) ?? '';
  if (end.length === TOKEN_END && isTypeable(end))
    return { name: `the last ${TOKEN_END} characters of the user's token`, typed: end };
  return { name: 'the ID of the workflow', typed: workflowId };
}

/** Returns whether a text can be read in a terminal and typed into it. */
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
    `${handle.workflowId} keeps running. Run the same command again to follow it, or see it with: http-tasks receipts ${handle.workflowId}`,
  );
}

/** Prints each step that ended, until the signal aborts. A worker that is down for a while only delays it. */
async function followProgress(io: Io, handle: WorkflowHandle, ended: AbortSignal): Promise<void> {
  let printed = 0;
  while (!ended.aborted) {
    try {
      const { steps } = await handle.query<Pick<OffboardResult, 'steps'>>('progress');
      // The end itself is printed as a table; a line that comes after it would only confuse.
      if (ended.aborted) return;
      for (const step of steps.slice(printed)) say(io, `  ${printable(stepText(step))}`);
      printed = Math.max(printed, steps.length);
    } catch {
      // Not begun yet, or no worker at the moment: the run itself is what is waited for.
    }
    await delay(PAUSE_MS, undefined, { signal: ended }).catch(() => undefined);
  }
}

function stepText({ step, outcome, reason }: StepResult): string {
  return `${step}: ${outcome}${reason === undefined ? '' : ` (${reason})`}`;
}

/** Prints how an offboarding ended: a row for each step, then what needs attention. */
function printOffboarding(io: Io, result: OffboardResult, isDryRun: boolean): void {
  printTable(
    io,
    ['Step', 'Outcome', 'Evidence'],
    result.steps.map((step) => [step.step, outcomeText(io, step), evidenceText(step)]),
  );
  const status = paint(io, result.status === 'completed' ? 'green' : 'yellow', inWords(result.status));
  print(io, `Status: ${status}${isDryRun ? ' (dry run: nothing was changed)' : ''}`);
  if (result.compensations.length > 0) printLines(io, '\nCompensation log');
  for (const { step, outcome, remedy, evidence } of result.compensations) {
    print(io, printable(`  ${step}, ${inWords(outcome)}: ${remedy}${evidence === '' ? '' : ` [${evidence}]`}`));
  }
  const { compensationTask } = result;
  if (compensationTask)
    print(
      io,
      printable(
        `  ${compensationTask.task}: ${compensationTask.ok ? 'done' : `failed, ${compensationTask.failure?.message ?? ''}`}`,
      ),
    );
  say(io, `Receipts: http-tasks receipts ${result.workflowId}`);
}

function outcomeText(io: Io, { outcome, reason }: StepResult): string {
  return paint(io, colourOf(outcome), inWords(outcome)) + (reason === undefined ? '' : ` (${inWords(reason)})`);
}

function colourOf(outcome: Outcome): 'green' | 'red' | 'yellow' {
  if (isGood(outcome)) return 'green';
  return outcome === 'failed' || outcome === 'unknown' ? 'red' : 'yellow';
}

function evidenceText({ requestId, token, items, itemIds, failure }: StepResult): string {
  const lines = [
    requestId === undefined ? '' : `request_id=${requestId}`,
    token === undefined ? '' : `token=${token}`,
    items === undefined ? '' : items === 1 ? '1 item' : `${items} items`,
    itemIds === undefined ? '' : `not the user's: ${itemIds.join(', ')}`,
    failure === undefined ? '' : `${failure.type}${failure.code === undefined ? '' : ` ${failure.code}`}`,
  ];
  return lines.filter(Boolean).join('\n');
}
