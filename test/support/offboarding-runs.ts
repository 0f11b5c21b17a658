import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { TaskFailure } from 'temporal-http-tasks';
import type { offboardUser } from 'temporal-http-tasks/internal/workflows/offboard-user';
import type { OffboardResult, OffboardUserInput, StepResult } from 'temporal-http-tasks/workflow';
import type { Place } from './offboarding';
import { freshId } from './offboarding';

export const REASON = { code: 'CONSUMER_ACCOUNT_CLOSED' } as const;

/** An input with the usual reason, or whatever a test of bad input wants to send. */
export type GivenInput = Partial<OffboardUserInput> & { user: OffboardUserInput['user'] };

/** Starts an offboarding. */
export function startOffboarding(
  place: Place,
  input: GivenInput,
): Promise<WorkflowHandleWithFirstExecutionRunId<typeof offboardUser>> {
  return place.client.workflow.start<typeof offboardUser>('offboardUser', {
    taskQueue: place.taskQueue,
    workflowId: freshId('offboard'),
    args: [{ reason: REASON, ...input }],
  });
}

/** Runs an offboarding to its end. */
export async function offboard(place: Place, input: GivenInput): Promise<OffboardResult> {
  const handle = await startOffboarding(place, input);
  return handle.result();
}

/** A user at both providers. */
export interface SeededUser {
  plaidUserId: string;
  batchUserId: string;
  /** The user's Items at Plaid. */
  items: string[];
  /** The input of the offboarding. */
  user: { plaidUserId: string; batchUserId: string };
}

/** Makes a user with fresh ids at both providers. */
export function seedUser({ simulators }: Place, items: string[] = [freshId('item')]): SeededUser {
  const [plaidUserId, batchUserId] = [freshId('usr'), freshId('customer')];
  simulators.plaid.seed({ users: [{ userId: plaidUserId, items }] });
  simulators.batch.seed({ users: [batchUserId] });
  return { plaidUserId, batchUserId, items, user: { plaidUserId, batchUserId } };
}

const BYSTANDER = 'bystander-';

/** Makes users whom no run offboards. */
export function seedBystanders({ simulators }: Place): void {
  simulators.plaid.seed({ generate: { prefix: BYSTANDER, count: 20 } });
  simulators.batch.seed({ generate: { prefix: BYSTANDER, count: 20 } });
}

/** All users for whom a destructive call was carried out and who should have been left alone. */
export function touchedBystanders({ simulators }: Place): string[] {
  const apps = Object.values(simulators.batch.state().apps);
  const touched = [...simulators.plaid.state().touched, ...apps.flatMap((app) => app.touched)];
  return touched.filter((id) => id.startsWith(BYSTANDER));
}

/** The endpoints called for one user, in order, at either provider. */
export function callsFor({ simulators }: Place, userId: string): string[] {
  const calls = [...simulators.plaid.calls().calls, ...simulators.batch.calls().calls];
  return calls
    .filter(({ user }) => user === userId)
    .map(({ endpoint, app }) => (app === undefined ? endpoint : `${endpoint} ${app}`));
}

/** The steps as short lines, in their order: `plaid.items removed`, `plaid.products skipped dryRun`. */
export function stepLines({ steps }: { steps: readonly StepResult[] }): string[] {
  return steps.map(({ step, outcome, reason }) => [step, outcome, reason].filter(Boolean).join(' '));
}

/** What a run failed with, as a person or a program sees it. */
export interface RunFailure {
  type: string;
  message: string;
  retryable: boolean;
  detail: TaskFailure & { field?: string };
}

/** Awaits a run's failure. A task's own failure is the cause of its activity's. */
export async function failureOfRun(run: Promise<unknown>): Promise<RunFailure> {
  const error = await run.then(
    (result) => {
      throw new Error(`it ended well: ${JSON.stringify(result)}`);
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError)) throw error;
  const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  if (!(cause instanceof ApplicationFailure)) throw error;
  return {
    type: cause.type ?? '',
    message: cause.message,
    retryable: !cause.nonRetryable,
    detail: (cause.details?.[0] ?? {}) as RunFailure['detail'],
  };
}

/** How long a test waits for something that a busy machine may do late, in milliseconds. Nothing is asserted by it. */
export const PATIENCE_MS = 120_000;

/** Polls until it holds; used only where no event marks the moment, such as another process's progress. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = PATIENCE_MS,
): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`Waited ${withinMs} ms in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
