import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError, isGrpcServiceError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { Recorded, Report } from '../oracle/observed';
import type { Place } from './places';

/** Maximum time of a correct run, in milliseconds. */
const GIVE_UP_MS = 480_000;

/** What its caller sees of a run. */
export type RunEnd =
  | { status: string; steps: Report['steps']; compensations: NonNullable<Report['compensations']> }
  | { sweepStatus: string }
  | { problem: string };

/** Requests to the Temporal server are repeated this often, this long apart, when a busy machine responds too late. */
const MOST_REPEATS = 30;
const REPEAT_AFTER_MS = 1_000;
/** CANCELLED, DEADLINE_EXCEEDED and UNAVAILABLE of gRPC. */
const TRANSIENT: readonly number[] = [1, 4, 14];

/** Repeats a request to which the server did not respond in time. */
export async function patiently<T>(request: () => Promise<T>): Promise<T> {
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await request();
    } catch (error) {
      const cause = error instanceof Error && !isGrpcServiceError(error) ? error.cause : error;
      const isTransient = isGrpcServiceError(cause) && TRANSIENT.includes(Number(cause.code));
      if (!isTransient || repeats === MOST_REPEATS) throw error;
      await delay(REPEAT_AFTER_MS);
    }
  }
}

/** Starts a run, once, even if the server responds so late that the request is repeated. */
export async function startRun(
  { client, taskQueue }: Pick<Place, 'client' | 'taskQueue'>,
  type: string,
  workflowId: string,
  input: unknown,
): Promise<WorkflowHandle> {
  return patiently(async () => {
    try {
      const once = { workflowIdReusePolicy: 'REJECT_DUPLICATE' } as const;
      return await client.workflow.start(type, { taskQueue, workflowId, args: [input], ...once });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      return client.workflow.getHandle(workflowId);
    }
  });
}

/** What a run returned, or why it returned nothing. */
export type End<T> = { result: T } | { problem: string; cancelled: boolean };

export async function endOf<T>(handle: WorkflowHandle): Promise<End<T>> {
  const giveUp = new AbortController();
  try {
    return await Promise.race([
      patiently(() => handle.result()).then(
        (result) => ({ result: result as T }),
        (error: unknown) => failedEnd<T>(error),
      ),
      delay(GIVE_UP_MS, undefined, { signal: giveUp.signal }).then(async (): Promise<End<T>> => {
        await patiently(() => handle.terminate('It should have ended long ago.'));
        return { problem: `it had not ended after ${GIVE_UP_MS / 1_000} s`, cancelled: false };
      }),
    ]);
  } finally {
    giveUp.abort();
  }
}

/** A run that failed as it should has its result in the failure's details. */
function failedEnd<T>(error: unknown): End<T> {
  const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
  if (cause instanceof CancelledFailure) return { problem: 'it was cancelled', cancelled: true };
  if (cause instanceof ApplicationFailure && cause.type === 'Offboarding.Failed')
    return { result: cause.details?.[0] as T };
  return { problem: cause instanceof Error ? `it failed: ${cause.message}` : String(error), cancelled: false };
}

/**
 * Returns what a run and the ledger report. To be called when no call is in progress any more: the outcome of a late call is
 * recorded late.
 */
export async function recordsOf(
  ledger: OpenedLedger,
  workflowId: string,
  end: RunEnd,
): Promise<{ report?: Report; problem?: string; receipts: readonly Recorded[] }> {
  if (!('sweepStatus' in end)) {
    const receipts = await ledger.readReceipts({ workflowId });
    return 'problem' in end ? { receipts, problem: end.problem } : { receipts, report: end };
  }
  const all = await ledger.sweeps.readReceipts({ sweepId: workflowId, afterSeq: -1, limit: 1_000_000 });
  const receipts = all.filter(({ seq }) => seq === 0);
  return { receipts, report: { status: end.sweepStatus, steps: stepsIn(receipts) } };
}

/** The final outcome of every step. Of a user who was not finished, it also contains what earlier rounds had done. */
function stepsIn(receipts: readonly Recorded[]): Report['steps'] {
  const settled = receipts.filter(({ phase }) => phase === 'settled');
  const names = new Set(settled.map(({ step }) => step));
  const earlier = receipts.filter(
    ({ phase, step, outcome = '' }) => phase === 'outcome' && !names.has(step) && DONE.includes(outcome),
  );
  return [...settled, ...earlier].map(({ step, outcome = '', ...rest }) => ({
    step,
    outcome,
    ...('reason' in rest && typeof rest.reason === 'string' && { reason: rest.reason }),
  }));
}

const DONE: readonly string[] = ['removed', 'accepted', 'alreadyGone'];
