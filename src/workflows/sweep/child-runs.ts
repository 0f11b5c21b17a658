import {
  ChildWorkflowFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  ApplicationFailure,
  executeChild,
  isCancellation,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { DEFAULT_CHILDREN } from '../../policy/sweep-input';
import type { OffboardUserInput } from '../../policy/offboard-input';
import type { OffboardResult, StepResult } from '../../policy/offboard-result';
import { childWorkflowId } from '../../policy/target-reference';
import { worstOutcome, OUTCOMES } from '../../policy/outcome';
import type { TaskFailure } from '../../tasks/failure';
import { offboardUser } from '../offboard-user';
import { withoutItemIds } from '../saga';
import { openChildren, recordChildren } from './sweep-activities';
import type { PassEnd } from './user-chunks';
import type { SweepState } from './sweep-state';

/** Number of users recorded together. */
const RECORDED_AT_ONCE = 25;

interface Opened {
  seq: number;
  round: number;
}

/**
 * Offboards each user with a child workflow, a few at a time: slower than chunks, with every call visible in the
 * Temporal UI.
 */
export class ChildRuns {
  readonly #state: SweepState;
  readonly #mustStop: () => boolean;
  readonly #inProgress = new Set<Promise<void>>();
  #ended: (Opened & { steps: StepResult[] })[] = [];
  #problem: Error | undefined;

  constructor(state: SweepState, mustStop: () => boolean) {
    this.#state = state;
    this.#mustStop = mustStop;
  }

  async pass(): Promise<PassEnd> {
    let moved = false;
    try {
      while (!this.#mustStop() && this.#problem === undefined) {
        const free = (this.#state.input.concurrency ?? DEFAULT_CHILDREN) - this.#inProgress.size;
        const opened = free > 0 ? await this.#open(free) : [];
        for (const user of opened) this.#start(user);
        moved ||= opened.length > 0;
        if (this.#inProgress.size === 0) break;
        await Promise.race(this.#inProgress);
        if (this.#ended.length >= RECORDED_AT_ONCE) await this.#record();
      }
    } finally {
      // What children did is recorded also when the sweep is cancelled.
      await CancellationScope.nonCancellable(async () => {
        await Promise.all(this.#inProgress);
        while (this.#ended.length > 0) await this.#record();
      });
    }
    if (this.#problem !== undefined) throw this.#problem;
    return { moved, earliestMs: undefined, left: this.#mustStop() };
  }

  async #open(limit: number): Promise<Opened[]> {
    const state = this.#state;
    const wave = (state.children?.wave ?? 0) + 1;
    const opened = await openChildren({
      sweepId: state.sweepId,
      limit,
      wave,
      ...(state.children && { fence: state.children.fence }),
    });
    state.children = { fence: opened.fence, wave };
    if (opened.stopped) state.pause('stopped');
    if (opened.notAllowed !== undefined) state.pauseForRule(opened.notAllowed);
    return opened.users;
  }

  #start(user: Opened): void {
    const state = this.#state;
    state.begin();
    const run = this.#run(user)
      .catch((error: unknown) => {
        this.#problem ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        state.finish();
        this.#inProgress.delete(run);
      });
    this.#inProgress.add(run);
  }

  async #run(user: Opened): Promise<void> {
    const state = this.#state;
    const steps = await this.#stepsOf(user);
    const worst = worstOutcome(OUTCOMES.filter((outcome) => steps.some((step) => step.outcome === outcome)));
    if (worst !== undefined) state.add({ [worst]: 1 });
    this.#ended.push({ ...user, steps: steps.map(withoutItemIds) });
    state.pauseBeyondTolerance();
  }

  async #stepsOf({ seq, round }: Opened): Promise<StepResult[]> {
    const { sweepId, children } = this.#state;
    try {
      const { steps } = await executeChild(offboardUser, {
        workflowId: childWorkflowId(sweepId, { seq, round }, children?.fence ?? 0),
        args: [this.#inputFor(seq)],
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        staticSummary: `User ${seq + 1} of the sweep ${sweepId}`,
      });
      return steps;
    } catch (error) {
      // A run with its ID was started from elsewhere.
      if (error instanceof WorkflowExecutionAlreadyStartedError)
        return [{ step: 'offboarding', task: 'offboardUser', outcome: 'unknown', reason: 'runFailed' }];
      if (!(error instanceof ChildWorkflowFailure)) throw error;
      return stepsOfFailure(error);
    }
  }

  #inputFor(seq: number): OffboardUserInput {
    const { sweepId, deadlineAtMs, input } = this.#state;
    const { reason, onFailure, dryRun, notFoundIsFine, verifyRemovals, providers, include, exclude } = input;
    const { plaid, batch } = input;
    const deadline = new Date(deadlineAtMs).toISOString();
    const steps = { ...(providers && { providers }), ...(include && { include }), exclude, plaid, batch };
    return { user: { sweepId, seq }, reason, onFailure, dryRun, notFoundIsFine, verifyRemovals, ...steps, deadline };
  }

  async #record(): Promise<void> {
    const { sweepId, children } = this.#state;
    const users = this.#ended.slice(0, RECORDED_AT_ONCE);
    await recordChildren({ sweepId, fence: children?.fence ?? 0, users });
    this.#ended = this.#ended.slice(users.length);
  }
}

/**
 * Returns the steps of a child that failed, from its failure's details; a cancelled child has recorded them in the
 * ledger under its own run.
 */
function stepsOfFailure(error: ChildWorkflowFailure): StepResult[] {
  const [details] = error.cause instanceof ApplicationFailure ? (error.cause.details ?? []) : [];
  const { steps, type } = (details ?? {}) as { steps?: OffboardResult['steps']; type?: string };
  if (steps !== undefined && steps.length > 0) return steps;
  // It was refused before its first call.
  if (type === 'Task.InvalidInput' || type === 'Task.NotAllowed') {
    return [{ step: 'offboarding', task: 'offboardUser', outcome: 'failed', failure: details as TaskFailure }];
  }
  const reason = isCancellation(error) ? 'cancelled' : 'runFailed';
  return [{ step: 'offboarding', task: 'offboardUser', outcome: 'unknown', reason }];
}
