import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { CommandFailure } from '@temporal-http-tasks/cli/internal/program/errors';
import { withInterruption } from '@temporal-http-tasks/cli/internal/terminal/interruption';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { paint, print, printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { printTable } from '@temporal-http-tasks/cli/internal/terminal/table';
import { showProgress } from '@temporal-http-tasks/cli/internal/faults/print';
import { disturb } from './disturb';
import type { Disturbances } from './disturb';
import { openStage } from './stage';
import type { Stage } from './stage';

/** Options of the process faults. */
export interface ProcessFaultsOptions {
  users: number;
  kills: number;
  seed: number;
  json: boolean;
  /** A Postgres for the ledger. @default a file of libSQL */
  ledgerUrl?: string;
}

/** The result of a sweep, by its own report and by the providers'. */
export interface SweepOutcome {
  status: string;
  counts: SweepResult['counts'];
  /** At Plaid and, for each app, at Batch. */
  usersLeft: number;
  calls: number;
  seconds: number;
}

/** The result of the process faults, as `--json` prints it and docs/reliability.md shows it. */
export interface ProcessResults {
  seed: number;
  users: number;
  ledger: string;
  disturbances: Disturbances;
  undisturbed: SweepOutcome;
  disturbed: SweepOutcome;
  /** Number of effects that were requested again. None of the irreversible ones may be. */
  repeatedCalls: { irreversible: number; repeatSafe: number };
  bystandersTouched: number;
  /** The seal over the receipts is valid. */
  sealHolds: boolean;
  ok: boolean;
}

const WORKERS = 2;
/** Pause between two requests for the result of a sweep while its server is down, in milliseconds. */
const ASK_AGAIN_MS = 1_000;

/** Runs one undisturbed sweep and one whose processes are interrupted; returns 0 only if both have the same result. */
export async function runProcessFaults(io: Io, options: ProcessFaultsOptions): Promise<ExitCode> {
  return withInterruption(async ({ wished }) => {
    const stage = await openStage({
      workers: WORKERS,
      users: options.users,
      ...(options.ledgerUrl !== undefined && { ledgerUrl: options.ledgerUrl }),
      report: (line) => say(io, line),
    });
    try {
      const end = await Promise.race([measure(io, stage, options), wished]);
      if (end === 'interrupted')
        throw new CommandFailure(
          'Interrupted',
          'Stopped before both sweeps had ended. Workers, simulators and server have ended.',
        );
      if (options.json) printJson(io, end);
      else printResults(io, end);
      return end.ok ? 0 : 1;
    } finally {
      await stage.close();
    }
  });
}

async function measure(io: Io, stage: Stage, { users, kills, seed }: ProcessFaultsOptions): Promise<ProcessResults> {
  say(io, `An undisturbed sweep over ${users} users`);
  const undisturbed = await sweep(stage, users);
  const before = repeats(stage);
  say(
    io,
    `The same sweep, while workers are killed ${kills} times, the ledger is unavailable twice and the Temporal server is restarted, at moments of seed ${seed}`,
  );
  const over = new AbortController();
  const progress = showProgress(io, kills, 'kills');
  try {
    const disturbing = disturb(stage, { kills, seed }, over.signal, progress);
    // An error in a disturbance must not be hidden by a sweep that waits for it.
    const sweeping = sweep(stage, users).finally(() => over.abort());
    const [disturbed, disturbances] = await Promise.all([sweeping, disturbing]);
    const after = repeats(stage);
    const repeatedCalls = {
      irreversible: after.irreversible - before.irreversible,
      repeatSafe: after.repeatSafe - before.repeatSafe,
    };
    const bystandersTouched = touchedBystanders(stage);
    const same =
      JSON.stringify(undisturbed.counts) === JSON.stringify(disturbed.counts) &&
      undisturbed.status === disturbed.status;
    const all = disturbances.kills === kills && disturbances.ledgerOutages === 2 && disturbances.serverRestarts === 1;
    const sealHolds = await verified(stage, disturbed);
    const ok =
      same &&
      all &&
      sealHolds &&
      bystandersTouched === 0 &&
      repeatedCalls.irreversible === 0 &&
      undisturbed.usersLeft === 0 &&
      disturbed.usersLeft === 0;
    const [peace, trouble] = [undisturbed, disturbed].map(withoutIds);
    return {
      seed,
      users,
      ledger: stage.ledger.words,
      disturbances,
      undisturbed: peace as SweepOutcome,
      disturbed: trouble as SweepOutcome,
      repeatedCalls,
      bystandersTouched,
      sealHolds,
      ok,
    };
  } finally {
    progress.stop();
  }
}

interface EndedSweep extends SweepOutcome {
  sweepId: string;
  merkleRoot: string | undefined;
}

function withoutIds({ sweepId: _sweepId, merkleRoot: _merkleRoot, ...outcome }: EndedSweep): SweepOutcome {
  return outcome;
}

async function sweep(stage: Stage, users: number): Promise<EndedSweep> {
  const { client, simulators, settings } = stage;
  const prefix = `user-${randomUUID().slice(0, 8)}-`;
  const file = await stage.users(prefix, users);
  const callsBefore = callsOf(stage);
  const startedAt = performance.now();
  const workflowId = `faults-${randomUUID()}`;
  const input = {
    source: { file },
    reason: { code: 'USER_OFFBOARDING' },
    maxUsers: users,
    granularity: 'chunk',
    plaid: { removeUser: true },
  };
  await client.workflow.start('offboardUsers', {
    taskQueue: settings.HTTP_TASKS_TASK_QUEUE ?? '',
    workflowId,
    args: [input],
  });
  const { status, counts, sweepId, merkleRoot } = await resultOf(client.workflow.getHandle(workflowId));
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const { left } = simulators.plaid.state();
  const atBatch = Object.values(simulators.batch.state().apps).flatMap((app) => app.left);
  const usersLeft = [...left, ...atBatch].filter((id) => id.startsWith(prefix)).length;
  return { sweepId, merkleRoot, status, counts, usersLeft, calls: callsOf(stage) - callsBefore, seconds };
}

/** The server may be down meanwhile. */
async function resultOf(handle: WorkflowHandle): Promise<SweepResult> {
  for (;;) {
    try {
      return (await handle.result()) as SweepResult;
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw error;
      await delay(ASK_AGAIN_MS);
    }
  }
}

function callsOf({ simulators }: Stage): number {
  return simulators.plaid.figures().calls.total + simulators.batch.figures().calls.total;
}

function repeats({ simulators }: Stage): { irreversible: number; repeatSafe: number } {
  const [plaid, batch] = [simulators.plaid.figures().repeatCounts, simulators.batch.figures().repeatCounts];
  return { irreversible: plaid.irreversible + batch.irreversible, repeatSafe: plaid.repeatSafe + batch.repeatSafe };
}

function touchedBystanders({ simulators }: Stage): number {
  const touched = [
    ...simulators.plaid.state().touched,
    ...Object.values(simulators.batch.state().apps).flatMap((app) => app.touched),
  ];
  return touched.filter((id) => id.startsWith('bystander-')).length;
}

async function verified({ settings }: Stage, { sweepId, merkleRoot }: EndedSweep): Promise<boolean> {
  const ledger = await openLedger({
    url: settings.HTTP_TASKS_LEDGER_URL ?? '',
    subjectKey: settings.HTTP_TASKS_SUBJECT_KEY ?? '',
  });
  try {
    const { ok } = await ledger.sweeps.verify({
      sweepId,
      ...(merkleRoot !== undefined && { expectedRoot: merkleRoot }),
    });
    return ok && merkleRoot !== undefined;
  } finally {
    await ledger.close();
  }
}

function printResults(io: Io, results: ProcessResults): void {
  const { undisturbed, disturbed, disturbances, repeatedCalls } = results;
  const row = (what: string, one: SweepOutcome): string[] => [
    what,
    one.status,
    String(one.counts.accepted),
    String(one.usersLeft),
    String(one.calls),
    `${one.seconds} s`,
  ];
  printTable(
    io,
    ['Sweep', 'Status', 'Accepted', 'Users left', 'Calls', 'Took'],
    [row('undisturbed', undisturbed), row('disturbed', disturbed)],
  );
  print(
    io,
    `${disturbances.kills} workers killed, ${disturbances.ledgerOutages} times ${results.ledger}, ${disturbances.serverRestarts} restart of the Temporal server.`,
  );
  print(
    io,
    `Repeated: ${repeatedCalls.irreversible} irreversible and ${repeatedCalls.repeatSafe} repeat-safe calls. Bystanders touched: ${results.bystandersTouched}. The seal ${results.sealHolds ? 'is valid' : 'is not valid'}.`,
  );
  print(io, results.ok ? paint(io, 'green', 'Both have the same result.') : paint(io, 'red', 'The results differ.'));
}
