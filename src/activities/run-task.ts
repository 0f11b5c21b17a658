import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { isStoredEncrypted } from '../codec/stored-input';
import type { TaskResponse } from '../http/read-response';
import type { TaskSender } from '../http/send-task';
import type { PreparedRequest } from '../http/exchange';
import {
  held,
  invalidInput,
  ledgerUnavailable,
  notAllowed,
  outcomeNotRecorded,
  outcomeUnknown,
  possiblyDoneBefore,
  stopped,
} from '../http/to-failure';
import { LedgerUnavailableError } from '../ledger/ledger';
import type { CallKey, CallOutcome, Ledger } from '../ledger/ledger';
import type { SubjectHasher } from '../ledger/subject';
import { sensitiveFieldsIn, stringsAt } from '../tasks/define';
import type { HttpTask, Effect } from '../tasks/define';
import { InvalidInputError } from '../tasks/parse-input';
import { LiveCall } from './budget/call-budgets';
import type { CallingSweep, CallBudgets } from './budget/call-budgets';
import { dailyLimit, dayIsFull, refuseForbiddenCall } from './governed';
import type { Governing } from './governed';
import { showsState } from '../policy/providers/path';
import type { StatePattern } from '../policy/providers/path';
import { isTaskFailureType } from '../tasks/failure';
import type { TaskFailure } from '../tasks/failure';

/** What it takes to run tasks. */
export interface TaskDependencies {
  sender: TaskSender;
  ledger: Ledger;
  hasher: SubjectHasher;
  /** Fields whose bearer tokens may be in unencrypted histories. */
  allowSensitive: ReadonlySet<string>;
  /** The rates shared by all processes. */
  budgets: CallBudgets;
  /** What the operator allows. @default everything */
  policy?: Governing;
}

/** One attempt to run a task. */
export interface TaskRun extends CallKey {
  attempt: number;
  step: string;
  holdSubjects: readonly string[];
  /**
   * The part of the input that Temporal's history contains, where bearer tokens must not be readable; absent for a call
   * without Temporal.
   */
  inHistory?: { input: unknown };
  /** The sweep that the call's user belongs to, and its plan's `dryRunRate`. */
  sweep?: CallingSweep;
  /**
   * What the call is for the policy's users of a day. `ids`: a call by itself, each of whose IDs is a user. `run`: a call of an
   * offboarding of one user. `counted`: its user was counted when a sweep began it.
   * @default ids
   */
  counts?: 'ids' | 'run' | 'counted';
  signal?: AbortSignal;
}

/**
 * How long an intent permits its call, in milliseconds. A process that froze after recording an intent, and whose
 * activity Temporal has since given to another worker, resumes too late to send: the other worker waits at least
 * `SETTLE_MS` before it sends anything again, and Temporal reassigns an activity only after its process has stopped
 * sending heartbeats.
 */
const INTENT_HOLDS_MS = 5_000;

/**
 * Sends one task once its key's rate allows it; records its intent before and its outcome after.
 *
 * A call that is not a read is sent only after its intent is in the ledger and if no hold forbids it. If an
 * irreversible call finds the intent of another attempt without proof that it changed nothing, it sends nothing and
 * fails with `Task.OutcomeUnknown`: that attempt may have reached the provider before its worker died.
 *
 * @throws ApplicationFailure with a `Task.*` type.
 * @throws CancelledFailure if a read was aborted, or any call before it was sent.
 */
export async function runTask(
  dependencies: TaskDependencies,
  task: HttpTask,
  input: unknown,
  run: TaskRun,
): Promise<TaskResponse & { perhapsDone?: true }> {
  const { sender, ledger, allowSensitive } = dependencies;
  if (run.inHistory) await refuseTokens(task, run.inHistory.input, allowSensitive);
  const prepared = sender.prepare(task, input);
  const isBegun = run.counts === 'run' || run.counts === 'counted';
  refuseForbiddenCall(dependencies.policy, task, input, { environment: prepared.environment, isBegun });
  const isRepeated = prepared.effect === 'repeatSafe' && run.attempt > 1;
  let response: TaskResponse;
  try {
    response = await attemptTask(dependencies, task, input, { prepared, run });
  } catch (error) {
    throw isRepeated && error instanceof ApplicationFailure && (await mayBeDoneBefore(ledger, run))
      ? possiblyDoneBefore(error)
      : error;
  }
  const saysUndone = isRepeated && meaningOf(task, response) !== task.answerMeans;
  return saysUndone && (await mayBeDoneBefore(ledger, run)) ? { ...response, perhapsDone: true } : response;
}

async function attemptTask(
  dependencies: TaskDependencies,
  task: HttpTask,
  input: unknown,
  { prepared, run }: { prepared: PreparedRequest; run: TaskRun },
): Promise<TaskResponse> {
  const { sender, ledger, budgets } = dependencies;
  const call = describeCall(dependencies, task, input, prepared, run);
  const liveCall = new LiveCall(budgets, task, prepared, run.sweep);
  // First, because it may take longer than an intent is valid.
  await liveCall.take(run.signal);
  // Measured before the intent is recorded, so that it is never later than the intent.
  const intendedAtMs = performance.now();
  if (prepared.effect !== 'read') await writeIntent(dependencies, task, prepared, call, run);

  let response: TaskResponse;
  try {
    response = await sender.send(task, input, {
      prepared,
      signal: run.signal,
      notSentAfterMs: intendedAtMs + INTENT_HOLDS_MS,
    });
  } catch (error) {
    liveCall.failed(error);
    if (error instanceof CancelledFailure && prepared.effect === 'read') throw error;
    // The ledger must contain the result that the run relies on; a read may be repeated for that.
    await writeOutcome(ledger, { ...call, ...outcomeOfFailure(error) }, () =>
      prepared.effect === 'read' ? ledgerUnavailable(task) : error,
    );
    throw error;
  }
  liveCall.accepted();
  const items = itemsOf(dependencies, task, input, response, prepared);
  await writeOutcome(ledger, { ...call, ...outcomeOfResponse(task, prepared.effect, response), items }, () =>
    outcomeNotRecorded(task, prepared.effect),
  );
  return response;
}

/**
 * Whether an earlier attempt may have been processed. Temporal passes only the last attempt's failure to the workflow,
 * and this must not be lost (docs/decisions/0013). Nor must it when the last response is a success that says that there
 * was nothing to do: the earlier attempt may have done it.
 */
async function mayBeDoneBefore(ledger: Ledger, { workflowId, runId, activityId, attempt }: TaskRun): Promise<boolean> {
  try {
    const own = (await ledger.readReceipts({ workflowId, runId })).filter(
      (receipt) => receipt.activityId === activityId && receipt.attempt < attempt,
    );
    const undone = new Set(
      own.filter(({ phase, outcome }) => phase === 'outcome' && outcome === 'failed').map((receipt) => receipt.attempt),
    );
    return own.some((receipt) => receipt.phase === 'intent' && !undone.has(receipt.attempt));
  } catch (unreadable) {
    if (unreadable instanceof LedgerUnavailableError) return true;
    throw unreadable;
  }
}

type Call = Omit<CallOutcome, 'outcome'>;

function describeCall(
  { hasher }: TaskDependencies,
  task: HttpTask,
  input: unknown,
  { environment, keySlot }: PreparedRequest,
  { workflowId, runId, activityId, attempt, step }: TaskRun,
): Call {
  const ids = task.subjectFields.flatMap((field) => stringsAt(input, field));
  const subjects = [...new Set(ids)].map((id) => hasher.subject(task.service.name, environment, id));
  const key = { workflowId, runId, activityId, attempt, step };
  return { ...key, task: task.name, service: task.service.name, environment, keySlot, subjects };
}

async function refuseTokens(task: HttpTask, input: unknown, allowed: ReadonlySet<string>): Promise<void> {
  const refused = sensitiveFieldsIn(task, input).filter((field) => !allowed.has(field));
  if (refused.length === 0 || (await isStoredEncrypted())) return;
  const message = `contains a user's bearer token, which is now in a history in plain text until the namespace's retention removes it; encrypt payloads (HTTP_TASKS_ENCRYPTION_KEY), or list the field in the worker's HTTP_TASKS_ALLOW_SENSITIVE to accept that`;
  throw invalidInput(
    task,
    new InvalidInputError(
      task.name,
      refused.map((field) => ({ field, message })),
    ),
  );
}

async function writeIntent(
  { ledger, policy }: TaskDependencies,
  task: HttpTask,
  prepared: PreparedRequest,
  call: Call,
  run: TaskRun,
): Promise<void> {
  const holdSubjects = [...new Set([...run.holdSubjects, ...call.subjects])];
  const { counts = 'ids' } = run;
  const limit = counts === 'counted' ? undefined : dailyLimit(policy);
  const intent = {
    ...call,
    holdSubjects,
    refuseUnsettled: prepared.effect === 'irreversible',
    ...(limit && counts !== 'counted' && { daily: { ...limit, counts } }),
  };
  const response = await withLedger(
    () => ledger.recordIntent(intent),
    () => ledgerUnavailable(task),
  );
  if (response.kind === 'held') throw held(task);
  if (response.kind === 'stopped') throw stopped(task);
  if (response.kind === 'dayIsFull') throw notAllowed(task, dayIsFull(limit?.mostUsers));
  if (response.kind === 'unsettled') throw outcomeUnknown(task);
}

/**
 * Records the outcome, with three tries that each last as long as the ledger's own deadline; then throws this error.
 */
async function writeOutcome(ledger: Ledger, outcome: CallOutcome, otherwise: () => unknown): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await ledger.recordOutcome(outcome);
      return;
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      if (tries === 3) throw otherwise();
    }
  }
}

async function withLedger<T>(work: () => Promise<T>, otherwise: () => Error): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LedgerUnavailableError) throw otherwise();
    throw error;
  }
}

/** Returns keyed hashes of the Items that this call saw or removed; `undefined` if it is not about Items. */
function itemsOf(
  { hasher }: TaskDependencies,
  task: HttpTask,
  input: unknown,
  { output }: TaskResponse,
  { environment }: PreparedRequest,
): string[] | undefined {
  if (task.itemsField === undefined && task.itemsInOutput === undefined) return undefined;
  const ids =
    task.itemsField === undefined ? stringsAt(output, task.itemsInOutput ?? '') : stringsAt(input, task.itemsField);
  return ids.map((id) => hasher.item(task.service.name, environment, id));
}

type OutcomeFacts = Pick<CallOutcome, 'outcome' | 'failureType' | 'status' | 'code' | 'requestId' | 'token'>;

/** Returns the receipt's facts about a successful call. */
function outcomeOfResponse(task: HttpTask, effect: Effect, response: TaskResponse): OutcomeFacts {
  const { status, requestId, token } = response;
  return { outcome: effect === 'read' ? 'read' : meaningOf(task, response), status, requestId, token };
}

/** A provider may say with a success that nothing was there or that the call failed. */
function meaningOf(
  { answerMeans, unchangedBy, absentStatuses }: HttpTask,
  { status, output }: TaskResponse,
): CallOutcome['outcome'] {
  if (absentStatuses?.includes(status)) return 'notFound';
  if (!unchangedBy) return answerMeans;
  const shows = (patterns: readonly unknown[]): boolean => showsState(output, patterns as readonly StatePattern[]);
  if (shows(unchangedBy.absent)) return 'notFound';
  return shows(unchangedBy.failed) ? 'failed' : answerMeans;
}

/**
 * Returns the receipt's facts about a failed call. A cancellation that arrives here came before anything was sent.
 * Unexpected errors count as unknown.
 */
function outcomeOfFailure(error: unknown): OutcomeFacts {
  if (error instanceof CancelledFailure) return { outcome: 'failed' };
  if (!(error instanceof ApplicationFailure) || !isTaskFailureType(error.type)) return { outcome: 'unknown' };
  const { status, code, requestId, perhapsDone } = (error.details?.[0] ?? {}) as Partial<TaskFailure>;
  const unknown = perhapsDone || error.type === 'Task.OutcomeUnknown' || error.type === 'Task.UnexpectedResponse';
  return { outcome: unknown ? 'unknown' : 'failed', failureType: error.type, status, code, requestId };
}
