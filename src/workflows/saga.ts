import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  log,
  proxyLocalActivities,
  TemporalFailure,
} from '@temporalio/workflow';
import type { OffboardingActivities, Preparation, RecordedEnd, RecordEnd } from '../activities/contract';
import { fillCompensationInput, compensationLog, asRecorded } from '../policy/compensation-log';
import type { RemedyOf } from '../policy/compensation-log';
import { OFFBOARDING_FAILED } from '../policy/offboard-result';
import type { OffboardResult, StepResult } from '../policy/offboard-result';
import type { RunStatus } from '../policy/outcome';
import type { StepPlan } from '../policy/providers/step-plan';
import { Catalogue, remedyInCatalogue } from '../providers/catalogue';
import { callTask } from './call-activity';
import { internalActivity } from './internal-activity';
import { hasPatch } from './patches';

/**
 * How long recording the end of a run is retried, in milliseconds: a day. After that the run ends with its result
 * alone.
 */
const RECORD_WITHIN_MS = 86_400_000;

const RECORDING = {
  startToCloseTimeout: '1 minute',
  scheduleToCloseTimeout: RECORD_WITHIN_MS,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  summary: 'Record the end of the run',
} as const;

/** The patch since which the end is recorded within the last workflow task: one way to the server and back less. */
const RECORDED_WITHIN_TASK = 'end-recorded-within-its-task';

const recordEndInQueue = internalActivity('httpTasks.recordEnd', RECORDING);

const { 'httpTasks.recordEnd': recordEndWithinTask } = proxyLocalActivities<OffboardingActivities>({
  ...RECORDING,
  // A longer pause is a timer, as for the preparation of a run.
  localRetryThreshold: '10 seconds',
});

function recordEnd(end: RecordEnd): Promise<RecordedEnd | undefined> {
  return hasPatch(RECORDED_WITHIN_TASK) ? recordEndWithinTask(end) : recordEndInQueue(end);
}

/** How a run of steps ended. */
interface SagaEnd {
  status: RunStatus;
  steps: StepResult[];
  /** The cancellation that ended it, to be rethrown. */
  cancellation?: Error;
}

/** The user's task that runs when the offboarding did not complete. */
interface Compensation {
  task: string;
  input?: unknown;
}

/**
 * Runs the steps and returns how they ended: by themselves or because the run was cancelled, with the steps as they are
 * then. Irreversible steps have no undo; {@link writeEnd} logs them.
 */
export async function runSteps(
  steps: () => Promise<{ status: RunStatus; steps: StepResult[] }>,
  stepsWhenCancelled: () => StepResult[],
): Promise<SagaEnd> {
  try {
    return await steps();
  } catch (error) {
    if (!(error instanceof Error) || !isCancellation(error)) throw error;
    return { status: 'cancelled', steps: stepsWhenCancelled(), cancellation: error };
  }
}

/** Facts about the end of a run besides its steps. */
interface EndFacts extends Required<Pick<RecordEnd, 'someItems' | 'wholeLists' | 'answers'>> {
  compensation?: Compensation | undefined;
  /** The tasks of the run's plan. */
  tasks: StepPlan['tasks'];
  /** Whether the register may have a row for the run. */
  hasRequest: boolean;
}

/**
 * Records the end of a run: the final outcome of every step and, for every end but `completed`, the compensation log;
 * then runs the compensation task with that log. None of it can be cancelled. Failures in it are recorded too.
 */
export async function writeEnd(
  run: Pick<OffboardResult, 'workflowId' | 'runId'>,
  end: SagaEnd,
  preparation: Preparation,
  { compensation, tasks, hasRequest, ...facts }: EndFacts,
): Promise<OffboardResult> {
  return CancellationScope.nonCancellable(async () => {
    const remedyOf = (task: string): string | undefined => tasks[task]?.remedy ?? remedyInCatalogue(task);
    const compensations = end.status === 'completed' ? [] : compensationLog(end.steps, remedyOf);
    let result: OffboardResult = { ...run, status: end.status, steps: end.steps, compensations };
    const record = async (): Promise<void> => {
      const { subject, environment, accounts } = preparation;
      try {
        const steps = result.steps.map(withoutItemIds);
        const recorded = await recordEnd({
          ...facts,
          ...(hasRequest && { status: result.status }),
          subject,
          environment,
          ...(accounts && { accounts }),
          steps,
          compensations: result.compensations,
        });
        result = corrected(result, recorded, remedyOf);
      } catch (error) {
        // What was done to the user must not be lost when the ledger is: the run's own result still contains it.
        if (!(error instanceof TemporalFailure)) throw error;
        log.error('The end of the run could not be recorded in the ledger; only the result of the run contains it.');
      }
    };
    await record();
    if (!compensation || result.status === 'completed') return result;
    result.compensationTask = await runCompensation(compensation, {
      ...result,
      steps: result.steps.map(withoutItemIds),
    });
    result.compensations = [...result.compensations, compensationLine(result.compensationTask)];
    await record();
    return result;
  });
}

/** A run with a reported step that no recorded call confirms has not completed. */
function corrected(result: OffboardResult, recorded: RecordedEnd | undefined, remedyOf: RemedyOf): OffboardResult {
  if (!recorded) return result;
  const known = asRecorded(result, recorded, remedyOf);
  return known.status === 'completed' && recorded.notBorneOut?.length ? { ...known, status: 'partial' } : known;
}

/** Items are named in the run's own result only. */
export function withoutItemIds(step: StepResult): StepResult {
  const { itemIds: _itemIds, ...rest } = step;
  return rest;
}

/**
 * Runs the compensation task with the log of a run or sweep in its input. Returns how it went and never throws a
 * failure of it.
 */
export async function runCompensation(
  compensation: Compensation,
  log: object,
): Promise<NonNullable<OffboardResult['compensationTask']>> {
  const { task: name } = compensation;
  const task = new Catalogue().find(name) ?? {
    name,
    generic: false,
    effect: 'irreversible' as const,
    service: { name: '' },
  };
  const response = await callTask({
    task,
    input: fillCompensationInput(compensation, log),
    context: { step: 'compensation', holdSubjects: [] },
    activityId: 'compensation',
    summary: 'Run the compensation task',
    withinMs: RECORD_WITHIN_MS,
  });
  return response.ok
    ? { task: name, ok: true, requestId: response.requestId }
    : { task: name, ok: false, failure: response.failure };
}

function compensationLine({
  task,
  ok,
  failure,
  requestId,
}: NonNullable<OffboardResult['compensationTask']>): OffboardResult['compensations'][number] {
  return ok
    ? {
        step: 'compensation',
        outcome: 'accepted',
        remedy: `The compensation task ${task} ran with this log.`,
        evidence: requestId ? `request_id=${requestId}` : '',
      }
    : {
        step: 'compensation',
        outcome: failure?.type === 'Task.OutcomeUnknown' ? 'unknown' : 'failed',
        remedy: `The compensation task ${task} failed: ${failure?.message ?? ''} Do manually what it was for.`,
        evidence: `failure=${failure?.type ?? ''}`,
      };
}

/**
 * Returns the failure of a run in which a step failed and none succeeded. It is a failure and not a result, so that a
 * Schedule's pause-on-failure applies; its details contain the result, without any ID.
 */
export function offboardingFailed(result: OffboardResult): ApplicationFailure {
  const failed = result.steps.filter(({ outcome }) => outcome === 'failed');
  const causes = failed.map(
    ({ step, failure, reason }) => `${step} (${failure?.code ?? failure?.type ?? reason ?? 'failed'})`,
  );
  return ApplicationFailure.create({
    type: OFFBOARDING_FAILED,
    message: `Nothing was offboarded: ${causes.join(', ')}. The details list each step and what to do about it.`,
    nonRetryable: true,
    details: [{ ...result, steps: result.steps.map(withoutItemIds) }],
  });
}
