import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { SnapshotState } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type { WorkerLedger, WorkerQueue } from 'temporal-http-tasks/internal/ledger/worker-environments';
import { doneStepsOf } from 'temporal-http-tasks/internal/providers/done-steps';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { UserColumns } from 'temporal-http-tasks/internal/sources/user-columns';
import { readProviders, refuseUnknownAccount } from '../users/provider-ids';
import type { DoneStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import { DEFAULT_MAX_USERS } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { OffboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { noCounts } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { notConfirmed, placeToAskAbout } from '../terminal/deletion-question';
import { STANDARD_INPUT } from 'temporal-http-tasks/internal/sources/file-bytes';
import { CommandFailure, Refusal } from '../program/errors';
import { withInterruption } from '../terminal/interruption';
import type { ExitCode, Io } from '../program/io';
import { withWorkersLedger } from '../ledger/open-ledger';
import { print, printJson, printable, say } from '../terminal/output';
import { requireWorker, sayIfNotBegun } from '../temporal/pollers';
import { withTemporal } from '../temporal/client';
import { notesInLedger } from './ledger-view';
import { discardSnapshot, environmentsOf, openSweepFile, takeLocalSnapshot } from './local-snapshot';
import type { LocalFile, SweepOptions, WantedSweep } from './sweep-options';
import { APPROVED_BY_REPLY, askAndApprove, confirmSweep, leftOut, sourceName } from './sweep-question';
import type { AskedSweep } from './sweep-question';
import { refuseForbiddenInput } from '../policy/forbidden';
import { exitCodeOf, printSweep, sayNextSteps, sourceDocument, toDocument } from './sweep-report';
import { SWEEP_WORKFLOW, describeSweep } from './sweep-run';
import { watchSweep } from './watch';

/**
 * Reads and checks the sweep's local file, if it has one, asks for a confirmation if needed, starts the sweep, and
 * follows it if requested.
 */
export async function startSweep(io: Io, wanted: WantedSweep, options: SweepOptions): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  const { sweepId, input, local, isOwnId } = wanted;
  refuseForbiddenInput(io, input, { local: local !== undefined });
  // Problems of the file itself are reported before any question.
  if (local) await openSweepFile(local);
  if (local?.file === STANDARD_INPUT && io.stdin.isTTY) {
    throw new Refusal(
      'Usage',
      '--source - reads standard input, which is a terminal here; pipe the users into the command.',
      'source',
    );
  }
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    if (isOwnId) await requireFreshId(client, sweepId);
    const place = await placeToAskAbout(io, { client, taskQueue }, { yes: options.yes, dryRun: input.dryRun });
    // A sweep that waits for approval anyway is confirmed then.
    const asked =
      place && !input.approval
        ? { sweepId, input, place, from: sourceOf(wanted), known: await readProviders(io, undefined) }
        : undefined;
    if (asked && !local) return startAsking(io, client, { asked, taskQueue }, options);
    const snapshot =
      local &&
      (await readLocalFile(
        io,
        { sweepId, local, input, queue: { namespace: client.options.namespace, taskQueue } },
        asked,
      ));
    await startRun(client, { sweepId, taskQueue, input }).catch((error: unknown) => {
      if (local)
        say(
          io,
          `The users of the sweep are in the ledger: run the same command with --id ${printable(sweepId)} to start it.`,
        );
      throw error;
    });
    const { approval = false, dryRun } = input;
    return begun(io, client, { sweepId, snapshot, approval, dryRun }, options);
  });
}

/** Starts a sweep whose worker reads the users: it waits for approval, which is the reply to the question. */
async function startAsking(
  io: Io,
  client: Client,
  { asked, taskQueue }: { asked: AskedSweep; taskQueue: string },
  options: SweepOptions,
): Promise<ExitCode> {
  const { sweepId, input } = asked;
  await startRun(client, { sweepId, taskQueue, input: { ...input, approval: true }, memo: APPROVED_BY_REPLY });
  const standing = await askAndApprove(io, client, asked);
  if (!isEnded(standing)) return begun(io, client, { sweepId, counts: standing, approval: false }, options);
  const notes = await notesInLedger(io, sweepId);
  if (options.json) printJson(io, toDocument(standing, notes));
  else printSweep(io, standing, notes);
  sayNextSteps(io, standing, notes);
  return exitCodeOf(standing.status);
}

function isEnded(standing: SweepResult | SweepProgress): boolean {
  return !('phase' in standing) || standing.phase === 'ended';
}

/** Returns where the users of a sweep come from, in words. */
function sourceOf({ local, input: { source, snapshot, redriveOf } }: WantedSweep): string {
  if (local) return local.file;
  if (snapshot !== undefined) return `the snapshot ${snapshot}`;
  if (redriveOf !== undefined) return `the failed and unknown users of ${redriveOf}`;
  return sourceName(source);
}

async function requireFreshId(client: Client, sweepId: string): Promise<void> {
  if (await describeSweep(client, sweepId)) throw takenId(sweepId);
}

function takenId(sweepId: string): CommandFailure {
  return new CommandFailure(
    'Conflict',
    `The sweep ${sweepId} already exists, so nothing was started. Choose another --id, or see: http-tasks sweep status ${sweepId}`,
  );
}

async function readLocalFile(
  io: Io,
  {
    sweepId,
    local,
    input,
    queue,
  }: { sweepId: string; local: LocalFile; input: OffboardUsersInput; queue: WorkerQueue },
  asked: AskedSweep | undefined,
): Promise<SnapshotState> {
  const providers = await readProviders(io, undefined);
  refuseUnknownAccount(providers, local.account);
  await openSweepFile(local, { known: new UserColumns(providers) });
  say(io, `Sweep ${printable(sweepId)}: reading ${printable(local.file)} for ${environmentsText(io, providers)}.`);
  return withWorkersLedger(io, async (opened) => {
    const others = (await opened.ledger.workers.readServices()).map(({ service }) => service);
    const source = await openSweepFile(local, { known: new UserColumns(providers, others), input: io.stdin });
    const doneSteps = local.skipDone ? await stepsToHaveDone(opened.ledger.workers, { input, queue, providers }) : [];
    const { maxUsers = DEFAULT_MAX_USERS, law, dryRun = false } = input;
    const snapshot = { sweepId, local, maxUsers, doneSteps, providers, law, dryRun };
    const state = await withInterruption(({ signal }) => takeLocalSnapshot(io, opened, { snapshot, source, signal }));
    if (asked) await confirmSnapshot(io, opened.ledger.sweeps, asked, state);
    return state;
  });
}

/** Providers with only one environment are not named. */
function environmentsText(io: Io, providers: ProviderSet): string {
  const environments = environmentsOf(io, providers);
  const several = providers.all.filter(({ service }) => Object.keys(service.environments).length > 1);
  return several.map(({ name, title }) => `${title}'s ${environments[name] ?? ''}`).join(', ');
}

/**
 * Returns the steps that the worker makes with the keys that it has recorded. Without them no earlier end has done such
 * a step.
 */
async function stepsToHaveDone(
  workers: WorkerLedger,
  { input, queue, providers }: { input: OffboardUsersInput; queue: WorkerQueue; providers: ProviderSet },
): Promise<DoneStep[]> {
  const recorded = (await workers.readWorkers(queue)).filter(({ state }) => state !== 'ended');
  const services = new Map(
    [...providers.names, ...providers.accounts.listed].map((name) => {
      const slots = recorded.filter(({ service }) => service === name).flatMap(({ keySlots }) => keySlots);
      return [
        name,
        { environment: '', keySlots: slots.length > 0 ? [...new Set(slots)] : ['default'], known: slots.length > 0 },
      ];
    }),
  );
  const { plaid, batch, ...choices } = input;
  const options = { plaid: plaid ?? {}, batch: batch ?? {} };
  const steps = doneStepsOf(providers.planFor({ ...choices, options }, services));
  return steps.map((step) => {
    const isGuessed = step.step === `${step.service}.default` && services.get(step.service)?.known === false;
    return isGuessed ? { ...step, step: `${step.service}.` } : step;
  });
}

/** @throws CommandFailure when the reply is no; what was read is then destroyed. */
async function confirmSnapshot(io: Io, sweeps: SweepLedger, asked: AskedSweep, state: SnapshotState): Promise<void> {
  const { skipped } = await sweeps.count(asked.sweepId);
  if (await confirmSweep(io, asked, { total: state.total, more: leftOut(state, skipped) })) return;
  const destroyed = await discardSnapshot(io, sweeps, { sweepId: asked.sweepId, status: 'cancelled' });
  throw notConfirmed(`Nothing was started${destroyed ? ', and the rows read so far are destroyed' : ''}.`);
}

/** Starts the workflow of a sweep, whose ID names one sweep forever. */
export async function startRun(
  client: Client,
  run: { sweepId: string; taskQueue: string; input: OffboardUsersInput; memo?: Record<string, unknown> },
): Promise<void> {
  const { sweepId: workflowId, taskQueue, input, memo } = run;
  try {
    await client.workflow.start(SWEEP_WORKFLOW, {
      workflowId,
      taskQueue,
      args: [input],
      ...(memo && { memo }),
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw takenId(workflowId);
    throw error;
  }
}

/** Reports that a sweep was started, and follows it if requested. */
export async function begun(
  io: Io,
  client: Client,
  {
    sweepId,
    snapshot,
    counts,
    approval,
    dryRun,
  }: {
    sweepId: string;
    snapshot?: SnapshotState | undefined;
    counts?: SweepResult;
    approval: boolean;
    dryRun?: boolean | undefined;
  },
  { watch = false, json = false }: Pick<SweepOptions, 'watch' | 'json'>,
): Promise<ExitCode> {
  const id = printable(sweepId);
  if (watch) {
    say(io, `Started ${id}.`);
    return watchSweep(io, { client, sweepId, json, dryRun });
  }
  if (json && counts) printJson(io, toDocument(counts));
  else if (json) printJson(io, { sweepId, status: 'running', ...(snapshot && countsOf(sweepId, snapshot)) });
  else print(io, `Started ${id}.`);
  if (!counts) await sayIfNotBegun(io, client, sweepId);
  say(io, `Watch it with: http-tasks sweep watch ${id}`);
  if (approval)
    say(io, `To approve it: http-tasks sweep approve ${id} --total ${snapshot?.total ?? 'N'} --by YOUR_NAME`);
  return 0;
}

function countsOf(sweepId: string, { total, duplicates, rejected, report }: SnapshotState): object {
  const { counts } = toDocument({
    sweepId,
    status: 'running',
    counts: { ...noCounts(), total, pending: total },
    duplicates,
    rejected,
  });
  return { counts, duplicates, rejected, ...(report && sourceDocument(report)) };
}
