import {
  ActivityFailure,
  ApplicationFailure,
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
import { allHeld, answered, beginConverging, endEarly, next } from '../policy/converge';
import type { CallMove, ConvergePlan, ConvergeState } from '../policy/converge';
import { deadlineAtMs } from '../policy/deadline';
import { offboardUserInput } from '../policy/offboard-input';
import type { OffboardUserInput } from '../policy/offboard-input';
import { statusOf } from '../policy/offboard-result';
import type { OffboardResult, StepResult } from '../policy/offboard-result';
import type { RunStatus } from '../policy/outcome';
import { compilePlan } from '../policy/providers/compiled-plan';
import type { CompiledPlan } from '../policy/providers/compiled-plan';
import { STEP_PLAN_VERSION } from '../policy/providers/step-plan';
import type { PlannedTask, StepPlan } from '../policy/providers/step-plan';
import { placeholderOf } from '../policy/target-reference';
import type { TargetId, TargetReference } from '../policy/target-reference';
import { builtInRun } from '../providers/built-in';
import type { BuiltInRun } from '../providers/built-in';
import { Catalogue } from '../tasks/catalogue';
import type { HttpTask } from '../tasks/define';
import { callTask } from './call-activity';
import { offboardingFailed } from './offboarding-failed';
import { describeProgress } from './progress-details';
import { invalidInput, parseWorkflowInput, refuseMoreInputs, withBoundedDeadline } from './parse-workflow-input';
import { compensationsQuery, progressQuery, receiptsQuery } from './queries';
import type { OffboardProgress } from './queries';
import { runSteps, writeEnd } from './saga';
import { clearForeignSweep, makeSearchable } from './search-attributes';

type Input = z.output<typeof offboardUserInput>;

const catalogue = new Catalogue();

const PREPARE_OPTIONS = {
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  // A longer pause is a timer. Waited for inside the workflow task, it would add three events every ten seconds, and a
  // ledger that is away for two days would fill the history to the limit at which the server ends the run.
  localRetryThreshold: '10 seconds',
  summary: 'Look up holds, app keys and earlier receipts',
} satisfies LocalActivityOptions;

/** The preparation gets this long also when the run's own time is over. */
const PREPARE_AT_LEAST_MS = 30_000;

const { 'httpTasks.prepareOffboarding': prepare } = proxyLocalActivities<OffboardingActivities>(PREPARE_OPTIONS);

/**
 * Off-boards one user from Plaid and Batch: removes the Items, terminates the products, removes the user if asked, and
 * has the custom data deleted under every configured app key. Most of it cannot be undone.
 *
 * Safe to run twice, also at once, for one user: every run looks first and both converge. Each call is preceded by a
 * recorded intent and followed by a recorded outcome; a lost answer is settled by looking.
 *
 * Answers `completed`, `partial` or `held`, with the compensation log for every end but `completed`.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, within the first workflow task, naming the field.
 * @throws ApplicationFailure `Offboarding.Failed` with the result in its details, when something failed and no step
 *   was good.
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

/** A compensation task that the catalogue knows is checked at once, not when it is needed. */
function refuseBadCompensation({ compensation }: Input): void {
  const task = compensation && catalogue.find(compensation.task);
  if (!task || task.input.safeParse(compensation.input).success) return;
  const [issue] = task.input.safeParse(compensation.input).error?.issues ?? [];
  const field = ['compensation', 'input', ...(issue?.path.map(String) ?? [])].join('.');
  throw invalidInput(
    `The input of offboardUser is not valid: ${field}: ${issue?.message ?? 'does not fit the task'}.`,
    field,
  );
}

class OffboardingRun {
  readonly #input: Input;
  readonly #ids: Pick<OffboardResult, 'workflowId' | 'runId'>;
  readonly #deadlineAtMs: number;
  #state?: ConvergeState;
  #calls = 0;
  #progress: OffboardProgress;

  constructor(input: Input) {
    const { workflowId, runId, startTime } = workflowInfo();
    this.#input = input;
    this.#ids = { workflowId, runId };
    this.#deadlineAtMs = deadlineAtMs(input.deadline, startTime.getTime());
    this.#progress = { ...this.#ids, status: 'running', steps: [], compensations: [] };
    setHandler(progressQuery, () => this.#progress, {
      description: 'How the off-boarding stands; its result once it has ended.',
    });
    setHandler(receiptsQuery, () => this.#progress.steps, { description: 'The steps that have ended.' });
    setHandler(compensationsQuery, () => this.#progress.compensations, {
      description: 'What could not be done or undone, once the run has ended.',
    });
  }

  async execute(): Promise<OffboardResult> {
    this.#showDoing('Looking up holds, app keys and earlier receipts');
    const preparation = await this.#prepareAlsoWhenCancelled();
    const { subject, searchAttributes } = preparation;
    const { sweepId } = this.#input.user;
    makeSearchable(searchAttributes, {
      OffboardingStatus: 'running',
      OffboardingSubject: subject,
      OffboardingSweep: sweepId,
    });
    if (sweepId === undefined) clearForeignSweep(searchAttributes);
    const plan = convergePlan(this.#input, preparation);
    const someItems = (preparation.target?.itemIds ?? this.#input.itemIds) !== undefined;
    const begun = beginConverging(plan);
    const end = await runSteps(
      () => this.#steps(begun, preparation),
      () => endEarly(this.#state ?? begun, 'cancelled'),
    );
    const compensation = this.#input.dryRun ? undefined : this.#input.compensation;
    const result = await writeEnd(this.#ids, end, preparation, { compensation, someItems });
    this.#show(result);
    makeSearchable(searchAttributes, { OffboardingStatus: result.status });
    if (end.cancellation) throw end.cancellation;
    if (result.status === 'failed') throw offboardingFailed(result);
    return result;
  }

  /** A cancelled run tells what it did not do, and for that it has to know its steps; looking them up sends nothing. */
  async #prepareAlsoWhenCancelled(): Promise<Preparation> {
    try {
      // A run whose deadline has passed still says what it did not do.
      return await this.#prepare(Math.max(this.#deadlineAtMs - Date.now(), PREPARE_AT_LEAST_MS));
    } catch (error) {
      if (!isCancellation(error)) return this.#endUnprepared('failed', error);
      return CancellationScope.nonCancellable(() => this.#prepare(PREPARE_AT_LEAST_MS)).catch(() =>
        this.#endUnprepared('cancelled', error),
      );
    }
  }

  /** The run ends before anything is known or sent. */
  #endUnprepared(status: 'failed' | 'cancelled', error: unknown): never {
    this.#show({ ...this.#progress, status });
    throw error;
  }

  async #prepare(withinMs: number): Promise<Preparation> {
    const { user, itemIds, batch, plaid, exclude, compensation } = this.#input;
    const { reference: _reference, ...ids } = user;
    const mayUseBatch = user.batchUserId !== undefined || user.sweepId !== undefined;
    const usesBatch = mayUseBatch && batch?.mode !== 'skip';
    try {
      return await prepare.executeWithOptions({ ...PREPARE_OPTIONS, scheduleToCloseTimeout: withinMs }, [
        {
          user: ids,
          itemIds,
          usesBatch,
          compensation,
          choices: {
            removeUser: plaid?.removeUser ?? false,
            batchMode: batch?.mode ?? 'customData',
            ...(exclude && { exclude }),
          },
        },
      ]);
    } catch (error) {
      // A refusal by the worker reads like one by the schema: the run's own failure names the field.
      if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure) throw error.cause;
      throw error;
    }
  }

  async #steps(begun: ConvergeState, preparation: Preparation): Promise<{ status: RunStatus; steps: StepResult[] }> {
    const { plan } = begun;
    if (preparation.held) return { status: 'held', steps: allHeld(plan) };
    const steps = await this.#converge(begun, preparation);
    return { status: statusOf(steps, plan.notFoundIsFine), steps };
  }

  /** Drives the one pure machine: its calls become activities and its waits durable timers. */
  async #converge(begun: ConvergeState, preparation: Preparation): Promise<StepResult[]> {
    let state = begun;
    for (;;) {
      this.#state = state;
      this.#show({ ...this.#progress, steps: [...state.done] });
      // A cancelled run stops here also when the call before was awaited to its end.
      if (CancellationScope.current().consideredCancelled)
        throw new CancelledFailure('The off-boarding was cancelled.');
      const nowMs = Date.now();
      const move = next(state, nowMs);
      if (move.kind === 'done') return move.steps;
      const leftMs = this.#deadlineAtMs - nowMs;
      if (leftMs <= 0) return endEarly(state, 'deadline');
      if (move.kind === 'manual') throw new Error(`There is no step ${move.step} that waits for a person.`);
      if (move.kind === 'wait') await this.#wait(Math.min(move.delayMs, leftMs), state.current?.name ?? 'offboarding');
      else {
        const planned = state.plan.plan.plan.tasks[move.task];
        state = answered(state, move, await this.#call(move, planned, preparation, leftMs), Date.now());
      }
    }
  }

  async #wait(delayMs: number, step: string): Promise<void> {
    this.#showDoing(
      `Waiting until ${new Date(Date.now() + delayMs).toISOString()}; then ${step} is looked at or called again.`,
    );
    await sleep(delayMs, { summary: `${step}: Wait before the next look or call` });
  }

  async #call(
    move: CallMove,
    planned: PlannedTask | undefined,
    { subjects }: Preparation,
    withinMs: number,
  ): ReturnType<typeof callTask> {
    const task = taskOf(move.task, planned);
    const target = targetOf(this.#input);
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
        ...(move.keeps && { keeps: move.keeps }),
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

/** The task as the plan knows it; of two effects the more careful counts. */
function taskOf(
  name: string,
  planned: PlannedTask | undefined,
): Pick<HttpTask, 'name' | 'generic' | 'effect' | 'summary'> & { service: { name: string } } {
  const known = catalogue.find(name);
  if (!planned) throw new Error(`The plan has no task ${name}.`);
  const effects = [planned.effect, known?.effect];
  const effect =
    (['irreversible', 'repeatSafe', 'read'] as const).find((one) => effects.includes(one)) ?? 'irreversible';
  const [service = ''] = name.split('.', 1);
  return { name, generic: known?.generic ?? false, effect, summary: planned.summary, service: { name: service } };
}

function convergePlan(input: Input, preparation: Preparation): ConvergePlan {
  const { plaidUserId, plaidUserToken, batchUserId } = idsOf(input, preparation);
  const plaidUser =
    plaidUserId !== undefined
      ? { user_id: plaidUserId }
      : plaidUserToken !== undefined
        ? { user_token: plaidUserToken }
        : undefined;
  const itemIds = preparation.target?.itemIds ?? input.itemIds;
  const run: BuiltInRun = {
    plaidUser,
    batchUserId,
    itemIds: itemIds && [...new Set(itemIds)],
    reason: input.reason,
    removeUser: input.plaid?.removeUser ?? false,
    ...(input.exclude && { exclude: input.exclude }),
    batchMode: input.batch?.mode ?? 'customData',
    batchApps: preparation.batchApps,
    dryRun: input.dryRun ?? false,
    onFailure: input.onFailure ?? 'continue',
    notFoundIsFine: input.notFoundIsFine ?? false,
    ...(input.verifyRemovals && { verifyRemovals: input.verifyRemovals }),
    known: {
      steps: preparation.knownSteps,
      hadItems: preparation.hadItems,
      itemIds: preparation.knownItems.flatMap((index) => itemIds?.[index] ?? []),
    },
  };
  return builtInRun(run, preparation.plan && recordedPlan(preparation.plan));
}

/** A worker of a later version may have made the plan: this one waits for such a worker to go on. */
function recordedPlan(plan: StepPlan): CompiledPlan {
  const version: number = plan.version;
  if (version === STEP_PLAN_VERSION) return compilePlan(plan);
  throw new Error(`The run's plan has version ${version}; this worker reads version ${STEP_PLAN_VERSION}.`);
}

/** Of a sweep's user the run knows which ids there are, and the activities know the ids. */
function idsOf({ user }: Input, { target }: Preparation): Partial<Record<TargetId, string>> {
  if (!target) return user;
  const ids = Object.fromEntries(target.ids.map((id) => [id, placeholderOf(id)]));
  return target.unroutableBatchUserId === undefined ? ids : { ...ids, batchUserId: target.unroutableBatchUserId };
}

function targetOf({ user: { sweepId, seq } }: Input): TargetReference | undefined {
  return sweepId === undefined || seq === undefined ? undefined : { sweepId, seq };
}
