import {
  CancellationScope,
  CancelledFailure,
  isCancellation,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { LocalActivityOptions } from '@temporalio/workflow';
import type { z } from 'zod';
import type { OffboardingActivities, Preparation } from '../activities/contract';
import { WAITING_FOR_PERSON } from '../policy/complete-step';
import { allHeld, responded, beginConverging, endEarly, holdCurrent, next, reported } from '../policy/converge';
import type { CallMove, ConvergeState, ManualMove } from '../policy/converge';
import { deadlineAtMs } from '../policy/deadline';
import { claimsOf } from '../policy/request-claims';
import { offboardUserInput } from '../policy/offboard-input';
import type { OffboardUserInput } from '../policy/offboard-input';
import { statusOf } from '../policy/offboard-result';
import type { OffboardResult, StepResult } from '../policy/offboard-result';
import type { RunStatus } from '../policy/outcome';
import type { PlannedTask } from '../policy/providers/step-plan';
import { idsOf } from '../policy/user-ids';
import { Catalogue } from '../providers/catalogue';
import { parseOwnFields } from '../tasks/parse-input';
import { callTask } from './call-activity';
import { convergePlan, targetOf, taskOf, wholeListsOf } from './converge-plan';
import { readDueDate, refreshDueDateUpdate } from './internal-activity';
import { offboardingFailed, runSteps, writeEnd } from './saga';
import { HoldCheck } from './hold-check';
import { ManualSteps } from './manual-steps';
import { recordPatches } from './patches';
import { compensationsQuery, describeProgress, progressQuery, receiptsQuery } from './progress';
import { invalidInput, parseWorkflowInput, refuseMoreInputs, withBoundedDeadline } from './parse-workflow-input';
import type { OffboardProgress } from './progress';
import { clearForeignDueDate, clearForeignSweep, makeSearchable } from './search-attributes';

type Input = z.output<typeof offboardUserInput>;

const catalogue = new Catalogue();

const PREPARE_OPTIONS = {
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  // A longer pause is a timer. A pause inside the workflow task would add three events every ten seconds, and a ledger
  // that is unavailable for two days would fill the history up to the size at which the server ends the run.
  localRetryThreshold: '10 seconds',
  summary: 'Look up holds, app keys and earlier receipts',
} satisfies LocalActivityOptions;

/** Minimum time for the preparation, in milliseconds, also when the run's own time is over. */
const PREPARE_AT_LEAST_MS = 30_000;

const { 'httpTasks.prepareOffboarding': prepare } = proxyLocalActivities<OffboardingActivities>(PREPARE_OPTIONS);

/**
 * Offboards one user from Plaid and Batch: removes the Items, terminates the products, removes the user if requested,
 * and deletes the custom data under every configured app key. Most of it is irreversible.
 *
 * Idempotent, also for concurrent runs of one user: every run reads before it deletes, and all converge. Each call is
 * preceded by a recorded intent and followed by a recorded outcome; a lost response is resolved by a read.
 *
 * Returns `completed`, `partial` or `held`, with the compensation log for every end but `completed`.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, within the first workflow task, naming the field.
 * @throws ApplicationFailure `Offboarding.Failed` with the result in its details, when a step failed and none
 *   succeeded.
 * @throws CancelledFailure after a cancellation; its log is in the ledger and in the query `compensations`.
 */
export async function offboardUser(rawInput: OffboardUserInput): Promise<OffboardResult>;
export async function offboardUser(rawInput: OffboardUserInput, ...more: unknown[]): Promise<OffboardResult> {
  refuseMoreInputs('offboardUser', more);
  const input = parseWorkflowInput('offboardUser', offboardUserInput, withBoundedDeadline(rawInput, false));
  refuseBadCompensation(input);
  const run = new OffboardingRun(input);
  return run.execute();
}

/** Checks a compensation task of the catalogue when the run starts, and not when it is needed. */
function refuseBadCompensation({ compensation }: Input): void {
  const task = compensation && catalogue.find(compensation.task);
  if (!task) return;
  const { error } = parseOwnFields(task.input, compensation.input);
  if (!error) return;
  const [issue] = error.issues;
  const field = ['compensation', 'input', ...(issue?.path.map(String) ?? [])].join('.');
  throw invalidInput(
    `The input of offboardUser is not valid: ${field}: ${issue?.message ?? 'does not fit the task'}.`,
    field,
  );
}

/** The parts of a run other than calls: waiting for people, and checking for holds. */
interface OwnSteps {
  manual: ManualSteps;
  holds: HoldCheck;
}

class OffboardingRun {
  readonly #input: Input;
  readonly #ids: Pick<OffboardResult, 'workflowId' | 'runId'>;
  readonly #deadlineAtMs: number;
  #state?: ConvergeState;
  #calls = 0;
  /** By step: number of calls with a successful response. */
  readonly #goodResponses = new Map<string, number>();
  #progress: OffboardProgress;

  constructor(input: Input) {
    const { workflowId, runId, startTime } = workflowInfo();
    this.#input = input;
    this.#ids = { workflowId, runId };
    this.#deadlineAtMs = deadlineAtMs(input.deadline, startTime.getTime());
    this.#progress = { ...this.#ids, status: 'running', steps: [], compensations: [] };
    setHandler(progressQuery, () => this.#progress, {
      description: 'Progress of the offboarding; its result when it has ended.',
    });
    setHandler(receiptsQuery, () => this.#progress.steps, { description: 'The steps that have ended.' });
    setHandler(compensationsQuery, () => this.#progress.compensations, {
      description: 'What was not done or cannot be undone, when the run has ended.',
    });
  }

  async execute(): Promise<OffboardResult> {
    recordPatches();
    this.#showDoing('Looking up holds, app keys and earlier receipts');
    const preparation = await this.#prepareAlsoWhenCancelled();
    const { subject, searchAttributes, dueAt } = preparation;
    if (dueAt !== undefined) this.#takeDueDate(dueAt, searchAttributes);
    const { sweepId } = this.#input.user;
    makeSearchable(searchAttributes, {
      OffboardingStatus: 'running',
      OffboardingSubject: subject,
      OffboardingSweep: sweepId,
      dueAt,
    });
    if (sweepId === undefined) clearForeignSweep(searchAttributes);
    if (dueAt === undefined) clearForeignDueDate(searchAttributes);
    const plan = convergePlan(this.#input, preparation);
    const holds = new HoldCheck(preparation.subjects);
    const manual = new ManualSteps(plan, holds);
    const begun = beginConverging(plan);
    const end = await runSteps(
      () => this.#steps(begun, preparation, { manual, holds }),
      () => endEarly(this.#state ?? begun, 'cancelled'),
    );
    const compensation = this.#input.dryRun ? undefined : this.#input.compensation;
    const result = await writeEnd(this.#ids, end, preparation, {
      compensation,
      someItems: (plan.ids.plaid?.itemIds ?? preparation.target?.itemIds) !== undefined,
      wholeLists: wholeListsOf(plan),
      answers: Object.fromEntries(this.#goodResponses),
      tasks: plan.plan.plan.tasks,
      hasRequest: claimsOf(this.#input) !== undefined,
    });
    this.#show({ ...result, ...(this.#progress.dueAt !== undefined && { dueAt: this.#progress.dueAt }) });
    makeSearchable(searchAttributes, { OffboardingStatus: result.status });
    if (end.cancellation) throw end.cancellation;
    if (result.status === 'failed') throw offboardingFailed(result);
    return result;
  }

  /** The request has a due date, which an extension may change. */
  #takeDueDate(dueAt: string, searchAttributes: Preparation['searchAttributes']): void {
    this.#progress = { ...this.#progress, dueAt };
    setHandler(
      refreshDueDateUpdate,
      async () => {
        const read = await readDueDate();
        this.#show({ ...this.#progress, ...read });
        makeSearchable(searchAttributes, read);
        return read;
      },
      { description: 'Read the due date of the request again, after http-tasks register extend.' },
    );
  }

  /** Also looks up the steps after a cancellation, to report what was not done. The lookup sends nothing. */
  async #prepareAlsoWhenCancelled(): Promise<Preparation> {
    try {
      // A run whose deadline has passed still reports what it did not do.
      return await this.#prepare(Math.max(this.#deadlineAtMs - Date.now(), PREPARE_AT_LEAST_MS));
    } catch (error) {
      if (!isCancellation(error)) return this.#endUnprepared('failed', error);
      return CancellationScope.nonCancellable(() => this.#prepare(PREPARE_AT_LEAST_MS)).catch(() =>
        this.#endUnprepared('cancelled', error),
      );
    }
  }

  /** Ends the run before anything is known or sent. */
  #endUnprepared(status: 'failed' | 'cancelled', error: unknown): never {
    this.#show({ ...this.#progress, status });
    throw error;
  }

  #prepare(withinMs: number): Promise<Preparation> {
    const { user, itemIds, batch, plaid, providers, include, exclude, compensation, reason, dryRun } = this.#input;
    const { reference, ...ids } = user;
    const request = claimsOf(this.#input);
    const usesBatch = (idsOf(user).batch !== undefined || user.sweepId !== undefined) && batch?.mode !== 'skip';
    // A refusal arrives as the worker threw it, so that the run's own failure names the field, as one by the schema does.
    return prepare.executeWithOptions({ ...PREPARE_OPTIONS, scheduleToCloseTimeout: withinMs }, [
      {
        user: ids,
        itemIds,
        usesBatch,
        compensation,
        reason: reason.code,
        ...(dryRun && { dryRun }),
        ...(request && { request: { ...request, ...(reference !== undefined && { reference }) } }),
        choices: {
          removeUser: plaid?.removeUser ?? false,
          batchMode: batch?.mode ?? 'customData',
          ...(providers && { providers }),
          ...(include && { include }),
          ...(exclude && { exclude }),
        },
      },
    ]);
  }

  async #steps(
    begun: ConvergeState,
    preparation: Preparation,
    own: OwnSteps,
  ): Promise<{ status: RunStatus; steps: StepResult[] }> {
    const { plan } = begun;
    if (preparation.held) return { status: 'held', steps: allHeld(plan) };
    const steps = await this.#converge(begun, preparation, own);
    return { status: statusOf(steps, plan.notFoundIsFine), steps };
  }

  /** Drives the policy machine: its calls become activities, and its waits durable timers. */
  async #converge(begun: ConvergeState, preparation: Preparation, own: OwnSteps): Promise<StepResult[]> {
    let state = begun;
    for (;;) {
      this.#state = state;
      this.#show({ ...this.#progress, steps: [...state.done] });
      // A cancelled run also stops here after it waited for its last call to end.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('The offboarding was cancelled.');
      const nowMs = Date.now();
      const move = next(state, nowMs);
      if (move.kind === 'done') return move.steps;
      const leftMs = this.#deadlineAtMs - nowMs;
      if (leftMs <= 0) return endEarly(state, 'deadline', { held: await own.holds.atDeadline() });
      if (move.kind === 'wait') await this.#wait(Math.min(move.delayMs, leftMs), state.current?.name ?? 'offboarding');
      else if (move.kind === 'manual') state = await this.#waitForPerson(state, move, { ...own, ...preparation });
      else {
        const planned = state.plan.plan.plan.tasks[move.task];
        const response = await this.#call(move, planned, preparation, leftMs);
        if (response.ok) this.#goodResponses.set(move.step, (this.#goodResponses.get(move.step) ?? 0) + 1);
        state = responded(state, move, response, Date.now());
      }
    }
  }

  /**
   * Waits for the report of a manual step, unless the user is on hold. The run can be found by this status, and shows the
   * instructions.
   */
  async #waitForPerson(
    state: ConvergeState,
    move: ManualMove,
    { manual, holds, searchAttributes }: OwnSteps & Pick<Preparation, 'searchAttributes'>,
  ): Promise<ConvergeState> {
    const { step, title, instructions } = move;
    if (await holds.beforeAsking(this.#deadlineAtMs - Date.now())) return holdCurrent(state);
    makeSearchable(searchAttributes, { OffboardingStatus: WAITING_FOR_PERSON });
    this.#show({ ...this.#progress, waiting: [{ step, title, instructions }] });
    const report = await manual.wait(move, this.#deadlineAtMs);
    this.#show({ ...this.#progress, waiting: [] });
    makeSearchable(searchAttributes, { OffboardingStatus: 'running' });
    if (report === 'held') return holdCurrent(state);
    return report ? reported(state, step, report, Date.now()) : state;
  }

  async #wait(delayMs: number, step: string): Promise<void> {
    this.#showDoing(
      `Waiting until ${new Date(Date.now() + delayMs).toISOString()}; then ${step} is checked or called again.`,
    );
    await sleep(delayMs, { summary: `${step}: Wait before the next check or call` });
  }

  async #call(
    move: CallMove,
    planned: PlannedTask | undefined,
    { subjects, accounts = {} }: Preparation,
    withinMs: number,
  ): ReturnType<typeof callTask> {
    const task = taskOf(move.task, planned);
    const [account, target] = [accounts[task.service.name], targetOf(this.#input)];
    this.#calls += 1;
    const summary = `${move.step}: ${task.summary}`;
    this.#showDoing(`Calling ${summary}`);
    return callTask({
      task,
      input: move.input,
      context: {
        step: move.step,
        holdSubjects: subjects,
        ...(target && { target }),
        ...{ ...(move.keeps && { keeps: move.keeps }), ...(account && { account }) },
      },
      activityId: `${this.#calls}-${move.step}`,
      summary,
      withinMs,
    });
  }

  #show(progress: OffboardProgress): void {
    this.#progress = progress;
    this.#showDoing();
  }

  #showDoing(doing?: string): void {
    setCurrentDetails(describeProgress(this.#progress, this.#input, { doing, deadlineAtMs: this.#deadlineAtMs }));
  }
}
