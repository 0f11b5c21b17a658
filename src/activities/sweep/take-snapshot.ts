import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { ONLY_ENVIRONMENT } from '../../policy/user-ids';
import {
  SweepReleasedError,
  UnknownSweepError,
  SnapshotMovedError,
  SweepConflictError,
} from '../../ledger/sweeps/sweep-errors';
import type { SnapshotState } from '../../ledger/sweeps/snapshot-types';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import type { StepPlan } from '../../policy/providers/step-plan';
import { builtInStepPlanOf } from '../../providers/built-in';
import { doneStepsOf } from '../../providers/done-steps';
import { SOURCE_KINDS } from '../../policy/source-spec';
import type { SourceSpec } from '../../policy/source-spec';
import { sizeProblem, sourceName, sourceProblem } from '../../operator-policy/rules';
import { signaturesNeeded } from '../../operator-policy/approval';
import { approvedSweep, needsSignatures, refuseForbiddenCall, refuseViolation } from '../governed';
import { refusal } from '../refusals';
import type { ChunkPlan, Snapshot, TakeSnapshot } from './contract';
import { NeededProviders, refuseMissingProviders, refuseOtherEnvironment } from './missing-providers';
import { SourceReading } from './source-reading';
import type { Control, ReadSource } from './source-reading';
import type { SweepDependencies } from './sweep-dependencies';
import { isDryRun } from './sweep-steps';
import { withHeartbeat, withSweep } from './sweep-work';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { LedgerStatementError } from '../../ledger/sql-calls';
import { SourceError, SourceUnavailableError } from '../../sources/source';
import type { TaskFailure } from '../../tasks/failure';
import { InvalidInputError } from '../../tasks/parse-input';

/** Errors of the ledger, which do not concern the source. */
const OF_THE_LEDGER = [
  LedgerUnavailableError,
  LedgerStatementError,
  SweepConflictError,
  SweepReleasedError,
  UnknownSweepError,
] as const;

/** Number of users copied in one statement. */
const BLOCK_USERS = 2_000;

/**
 * See `SweepActivities`. Continues where an earlier attempt stopped.
 *
 * A refused source leaves no users: the sweep gets the status `failed` and its key is destroyed. Nothing was sent to
 * any provider until then.
 */
export async function takeSnapshot(
  dependencies: SweepDependencies,
  given: TakeSnapshot,
  sweep: SweepRow,
): Promise<Snapshot> {
  const { policy } = dependencies;
  const input = { ...given, maxUsers: sweep.maxUsers ?? given.maxUsers };
  let told: Snapshot = { total: 0, duplicates: 0, rejected: 0 };
  const onProgress = ({ total, duplicates, rejected }: SnapshotState): void => {
    told = { total, duplicates, rejected };
    refuseTooMany(told, input);
    if (policy) refuseViolation(sizeProblem(policy.rules, told.total));
  };
  const allows = (total: number): boolean =>
    total <= input.maxUsers && (!policy || sizeProblem(policy.rules, total) === undefined);
  return withHeartbeat(
    () => told,
    (signal) => withSweep(() => take(dependencies, input, { signal, onProgress, allows })),
  );
}

/** @throws ApplicationFailure `Task.NotAllowed` for a source, or a task that it calls, which the policy does not allow. */
function refuseForbiddenSource(
  { policy, catalogue, services }: SweepDependencies,
  { source }: Pick<TakeSnapshot, 'source'>,
): void {
  if (!policy || !source) return;
  refuseViolation(sourceProblem(policy.rules, sourceName(source)));
  const task = source.pages && catalogue.find(source.pages.task);
  if (!task) return;
  const environment = services.get(task.service.name)?.environment ?? ONLY_ENVIRONMENT;
  refuseForbiddenCall(policy, task, source.pages?.input ?? {}, { environment });
}

async function take(dependencies: SweepDependencies, input: TakeSnapshot, control: Control): Promise<Snapshot> {
  const { sweeps } = dependencies.ledger;
  refuseForbiddenSource(dependencies, input);
  const row = await sweeps.read(input.sweepId);
  if (row === undefined) throw new UnknownSweepError(input.sweepId);
  const origin = row.redriveOf !== undefined ? 'redriveOf' : input.source ? 'source' : 'snapshot';
  if (!row.readable) {
    throw refusal(
      origin,
      'was refused by an earlier attempt, whose worker ended before it could report the reason; start the sweep again to see it',
    );
  }
  try {
    const { total, duplicates, rejected } = await read(dependencies, input, row, control);
    // A source without rows is a valid response, which `CheckedRows` decides about; a redrive and a snapshot have
    // users.
    if (total === 0 && origin !== 'source')
      throw refusal(origin, 'must not be empty; an empty list never means all users');
    const taken = await sweeps.read(input.sweepId);
    if (taken) await refuseMissingProviders(dependencies, taken, origin);
    refuseOtherEnvironment(dependencies, taken, origin);
    const dueAt = await noteRequests(dependencies, row);
    return {
      total,
      duplicates,
      rejected,
      ...(await approvalTerms(dependencies, input.sweepId)),
      ...(dueAt !== undefined && { dueAt }),
    };
  } catch (error) {
    const failure = failureOf(error, row, input, control.signal);
    if (failure instanceof ApplicationFailure && failure.nonRetryable) {
      await sweeps.setStatus({ sweepId: input.sweepId, status: 'failed' });
      await sweeps.release(input.sweepId);
    }
    throw failure;
  }
}

/**
 * Completes what is known about the requests of a sweep, for its head.
 *
 * @returns When the first of them is due.
 */
async function noteRequests(
  { ledger: { sweeps, requests } }: SweepDependencies,
  { sweepId, about, plan }: SweepRow,
): Promise<string | undefined> {
  // Without a plan it is a sweep of 0.1.0; a dry run is not in the register.
  if (plan === undefined || isDryRun({ plan })) return about?.dueAt;
  const { users, receivedAt, dueAt } = await requests.ofSweep(sweepId);
  if (users > 0) {
    const received = about?.receivedAt ?? receivedAt;
    await sweeps.noteRequests({
      sweepId,
      about: {
        ...about,
        requests: users,
        ...(received !== undefined && { receivedAt: received }),
        ...(dueAt !== undefined && { dueAt }),
      },
    });
  }
  return dueAt;
}

/** Returns what has to be signed for a sweep whose users are known; nothing unless the policy requires it. */
async function approvalTerms(
  { policy, ledger: { sweeps } }: SweepDependencies,
  sweepId: string,
): Promise<Pick<Snapshot, 'approval'>> {
  const row = await sweeps.read(sweepId);
  if (!policy || !row || row.total === 0 || !needsSignatures(policy, row)) return {};
  const snapshotDigest = await sweeps.requireApproval(sweepId);
  const { planDigest, environment } = approvedSweep({ ...row, snapshotDigest });
  return { approval: { snapshotDigest, planDigest, environment, signatures: signaturesNeeded(policy.rules) } };
}

async function read(
  dependencies: SweepDependencies,
  input: TakeSnapshot,
  row: SweepRow,
  control: Control,
): Promise<SnapshotState> {
  const { sweeps } = dependencies.ledger;
  const { sweepId, source } = input;
  // A dry run carries out no request, so that they stay with the sweep that it only checks.
  if (row.redriveOf !== undefined) return copyRedriven(sweeps, sweepId, { ...control, leaveRequests: isDryRun(row) });
  const state = await sweeps.readSnapshot(sweepId);
  control.onProgress(state);
  if (state.complete) return state;
  if (source === undefined)
    throw refusal('snapshot', 'was not read completely, so users would be left out; read it again');
  return new SourceReading(
    dependencies,
    { ...input, source, ...planOf(dependencies, input, row), law: row.about?.law },
    control,
  ).readOn(state);
}

/** A sweep that 0.1.0 opened has no plan yet, so every step is required. */
function planOf(
  dependencies: SweepDependencies,
  { gdpr = false, both = false }: TakeSnapshot,
  row: SweepRow,
): Pick<ReadSource, 'doneSteps' | 'dryRun' | 'needed'> {
  const { plan: text, stepsPlan } = row;
  const plan = text === undefined ? undefined : (JSON.parse(text) as ChunkPlan);
  const { removeUser = true, batchMode: inChunks = 'customData', exclude } = plan ?? {};
  const batchMode = both ? 'both' : gdpr ? 'gdpr' : inChunks;
  const steps =
    stepsPlan === undefined
      ? builtInStepPlanOf({ removeUser, batchMode, ...(exclude && { exclude }) }, dependencies.services)
      : (JSON.parse(stepsPlan) as StepPlan);
  const needed = new NeededProviders(row, dependencies);
  return { doneSteps: doneStepsOf(steps), dryRun: plan?.dryRun ?? false, needed };
}

function refuseTooMany({ total }: Snapshot, { maxUsers }: TakeSnapshot): void {
  if (total <= maxUsers) return;
  throw refusal(
    'maxUsers',
    `there are at least ${total} users, and maxUsers allows ${maxUsers}; check that it is the right source, then allow more`,
  );
}

/** Returns `file`, `query` and so on, as the input names it. */
function kindOf(source: SourceSpec): string {
  return SOURCE_KINDS.find((kind) => source[kind] !== undefined) ?? 'source';
}

function failureOf(
  error: unknown,
  { redriveOf }: SweepRow,
  { source, sweepId }: TakeSnapshot,
  signal: AbortSignal,
): unknown {
  if (signal.aborted) return signal.reason;
  if (redriveOf !== undefined && error instanceof SweepReleasedError && error.sweepId !== sweepId) {
    return refusal(
      'redriveOf',
      'the IDs of this sweep were released and can no longer be read; offboard its failed users from their source with a new sweep',
    );
  }
  return source === undefined ? error : sourceFailure(error, kindOf(source));
}

/** Copies the failed and unknown users of the sweep that is redriven; continues where an earlier attempt stopped. */
async function copyRedriven(
  sweeps: SweepLedger,
  sweepId: string,
  {
    signal,
    onProgress,
    leaveRequests,
  }: { signal: AbortSignal; onProgress: (state: SnapshotState) => void; leaveRequests: boolean },
): Promise<SnapshotState> {
  for (;;) {
    signal.throwIfAborted();
    const state = await copyBlock(sweeps, sweepId, leaveRequests);
    onProgress(state);
    if (state.complete) return state;
  }
}

/**
 * Another attempt, or this call itself if its response was lost, may have changed the snapshot: its current state is
 * used then.
 */
async function copyBlock(sweeps: SweepLedger, sweepId: string, leaveRequests: boolean): Promise<SnapshotState> {
  try {
    return await sweeps.appendRedriven({ sweepId, limit: BLOCK_USERS, leaveRequests });
  } catch (error) {
    if (error instanceof SnapshotMovedError) return sweeps.readSnapshot(sweepId);
    throw error;
  }
}

/**
 * Returns the failure of a source that could not be read: a final refusal naming the field, or a failure that Temporal
 * retries. The message of an error that a custom source throws is dropped, since it may contain IDs.
 *
 * @param kind For example `file`.
 */
function sourceFailure(error: unknown, kind: string): unknown {
  if (error instanceof InvalidInputError) return refusal(pathOf(error.field), problemIn(error.message));
  if (error instanceof SourceError) return refusal(pathOf(error.field), withoutField(error));
  if (error instanceof SourceUnavailableError) return unavailable(error.message);
  if (error instanceof ApplicationFailure) return refusedInput(error) ?? error;
  if (error instanceof CancelledFailure || OF_THE_LEDGER.some((type) => error instanceof type)) return error;
  const name = error instanceof Error && /^[A-Za-z]{1,60}$/.test(error.name) ? error.name : 'unknown error';
  const code =
    error instanceof Error && 'code' in error && /^[A-Z][A-Z0-9_]{1,60}$/.test(String(error.code))
      ? ` ${String(error.code)}`
      : '';
  const advice =
    kind === 'custom'
      ? 'the source has to throw SourceError or SourceUnavailableError with a message'
      : 'report it with this message';
  return unavailable(
    `The ${kind} source failed unexpectedly (${name}${code}), and no user was deleted. It is retried from the same position; ` +
      `if it keeps failing, cancel the sweep: ${advice}.`,
  );
}

/** Returns the refusal when the task that reads pages refuses its input. */
function refusedInput(failure: ApplicationFailure): ApplicationFailure | undefined {
  const details = failure.details?.[0] as Partial<TaskFailure> | undefined;
  if (failure.type !== 'Task.InvalidInput' || details?.task === undefined) return undefined;
  return refusal(['source.pages.input', details.field].filter(Boolean).join('.'), problemIn(failure.message));
}

/** `The input of http.request is not valid: uri: …` → `uri: …`; the refusal adds the rest. */
function problemIn(message: string): string {
  return message.replace(/^The input of [\w. ]+ is not valid: /, '');
}

/** `file` → `source.file`; the name of a setting is not a path in the input, and is in the message. */
function pathOf(field: string): string {
  return field === '' || field === 'source' || field.startsWith('HTTP_TASKS_') ? 'source' : `source.${field}`;
}

function withoutField({ field, message }: SourceError): string {
  return field.startsWith('HTTP_TASKS_') || !message.startsWith(`${field}: `)
    ? message
    : message.slice(field.length + 2);
}

function unavailable(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.Unavailable',
    message,
    details: [{ type: 'Task.Unavailable', service: 'source', message }],
  });
}
