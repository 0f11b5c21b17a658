import type { ServiceSettings } from '../config/service-settings';
import type { Receipt, SettledStep } from '../ledger/ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import { userSubjects } from '../ledger/user-subjects';
import type { StepResult } from '../policy/offboard-result';
import { asRecorded } from '../policy/perhaps-sent';
import { notBorneOut, withOwnEvidence } from '../policy/settled-by-ledger';
import { TARGET_IDS } from '../policy/target-reference';
import type { TargetUser } from '../policy/target-user';
import { fitsInRoute } from '../tasks/batch/fields';
import { builtInStepPlan } from '../providers/built-in';
import type { ProviderSet } from '../providers/provider-set';
import type { Catalogue } from '../tasks/catalogue';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { requireChildOfSweep, requireRunOf } from './callers';
import type { CallingRun, Callers } from './callers';
import type { OffboardingActivities, PrepareOffboarding, Preparation, RecordedEnd, RecordEnd } from './contract';
import { findTarget } from './find-target';
import { retryable } from './ledger-away';
import { refusal, refuseTokens, refuseUnsendable, requireService, unknownTask } from './refusals';
import type { TaskDependencies } from './run-task';

/** What the activities of the offboarding workflows need. */
export interface OffboardingDependencies extends Pick<TaskDependencies, 'sender' | 'hasher' | 'allowSensitive'> {
  ledger: OpenedLedger;
  /** Looks up which run calls. */
  callers: Callers;
  catalogue: Catalogue;
  /** The providers of the worker. */
  providers: ProviderSet;
  /** By name; services that are not configured are absent. */
  services: ReadonlyMap<string, ServiceSettings>;
  /** The search attributes that runs may write in this worker's namespace. */
  searchAttributes: () => readonly string[];
}

/** Creates the activities of the offboarding workflows other than the HTTP tasks. Each first verifies its caller. */
export function createOffboardingActivities(dependencies: OffboardingDependencies): OffboardingActivities {
  return {
    'httpTasks.prepareOffboarding': (input) => prepare(dependencies, input),
    'httpTasks.checkTask': async ({ task, input }) => {
      await requireRunOf(dependencies.callers, 'runHttpTask');
      checkTask(dependencies.catalogue, task, input);
    },
    'httpTasks.recordEnd': (end) => recordEnd(dependencies, end),
  };
}

async function recordEnd({ ledger, callers }: OffboardingDependencies, end: RecordEnd): Promise<RecordedEnd> {
  const run = await requireRunOf(callers, 'offboardUser');
  const { workflowId, runId } = run;
  return retryable(async () => {
    const receipts = await callsOf(ledger, callers, run, end);
    const perhapsSent = stepsInDoubt(receipts.filter((receipt) => receipt.runId === runId));
    const wrong = notBorneOut(end.steps, receipts, { someItems: end.someItems ?? true });
    const { subject, environment, steps, compensations } = asRecorded(end, { perhapsSent, notBorneOut: wrong });
    const settled = steps.map((step) => settledStep(withOwnEvidence(step, receipts)));
    await ledger.recordEnd({ workflowId, runId, subject, environment, steps: settled, compensations });
    return { perhapsSent, ...(wrong.length > 0 && { notBorneOut: wrong }) };
  });
}

/**
 * Returns the receipts of the run's calls. The history of a reset run contains results of the run before it, so calls
 * of earlier runs of the same execution count too if its own do not confirm the steps.
 */
async function callsOf(ledger: OpenedLedger, callers: Callers, run: CallingRun, end: RecordEnd): Promise<Receipt[]> {
  const { workflowId, runId, firstRunId } = run;
  const own = await ledger.readReceipts({ workflowId, runId });
  if (firstRunId === runId || notBorneOut(end.steps, own, { someItems: end.someItems ?? true }).length === 0)
    return own;
  const all = await ledger.readReceipts({ workflowId });
  const same = new Set([runId]);
  for (const other of new Set(all.map((receipt) => receipt.runId))) {
    if ((await callers.describe({ workflowId, runId: other }))?.firstRunId === firstRunId) same.add(other);
  }
  return all.filter((receipt) => same.has(receipt.runId));
}

/** Returns the steps whose latest call has an intent without an outcome of the same attempt, or an unknown outcome. */
function stepsInDoubt(receipts: readonly Receipt[]): string[] {
  const open = new Map<string, Receipt>();
  for (const receipt of receipts) {
    const intent = open.get(receipt.step);
    if (receipt.phase === 'intent') open.set(receipt.step, receipt);
    else if (
      intent?.activityId === receipt.activityId &&
      intent.attempt === receipt.attempt &&
      receipt.outcome !== 'unknown'
    )
      open.delete(receipt.step);
  }
  return [...open.keys()];
}

async function prepare(
  { sender, ledger, callers, hasher, allowSensitive, services, catalogue, searchAttributes }: OffboardingDependencies,
  given: PrepareOffboarding,
): Promise<Preparation> {
  const target = await targetOf(ledger, callers, given.user);
  // A target's token comes from the ledger, where it is encrypted, and is in no history.
  if (!target) await refuseTokens([['user', given.user]], allowSensitive);
  const user = target ?? given.user;
  const itemIds = (target ?? given).itemIds ?? [];
  const { compensation, choices } = given;
  const usesBatch = given.usesBatch && user.batchUserId !== undefined;
  const usesPlaid = user.plaidUserId !== undefined || user.plaidUserToken !== undefined;
  if (usesPlaid)
    requireService(services, 'plaid', user.plaidUserId === undefined ? 'user.plaidUserToken' : 'user.plaidUserId');
  if (usesBatch) requireService(services, 'batch', 'user.batchUserId');
  if (compensation) refuseUnsendable(catalogue, sender, compensation);
  const environment = services.get('plaid')?.environment ?? 'default';
  const { plaidUserId, plaidUserToken, batchUserId } = user;
  const atPlaid = userSubjects({ plaidUserId, plaidUserToken }, environment, hasher);
  const atBatch = userSubjects({ batchUserId }, environment, hasher);
  const subjects = [...atPlaid, ...atBatch];
  const batchApps = [...(services.get('batch')?.keySlots ?? [])];
  return retryable(async () => {
    const [held, plaid, batch] = await Promise.all([
      ledger.isHeld(subjects),
      ledger.readHistory(atPlaid),
      ledger.readHistory(atBatch),
    ]);
    const seen = new Set(plaid.items);
    return {
      subject: subjects[0] ?? '',
      subjects,
      held,
      environment: usesPlaid ? environment : 'default',
      batchApps,
      ...(choices && { plan: builtInStepPlan({ ...choices, batchApps }) }),
      // An ID at one provider does not confirm the ID at the other provider, which may be mistyped this time.
      knownSteps: [
        ...plaid.steps.filter((step) => step.startsWith('plaid.')),
        ...batch.steps.filter((step) => step.startsWith('batch.')),
      ],
      hadItems: plaid.items.length > 0,
      knownItems: itemIds.flatMap((id, index) => (seen.has(hasher.item('plaid', environment, id)) ? [index] : [])),
      ...(target && { target: withoutIds(target) }),
      ...(searchAttributes().length > 0 && { searchAttributes: [...searchAttributes()] }),
    };
  });
}

async function targetOf(
  ledger: OpenedLedger,
  callers: Callers,
  { sweepId, seq }: PrepareOffboarding['user'],
): Promise<TargetUser | undefined> {
  if (sweepId === undefined || seq === undefined) {
    await requireRunOf(callers, 'offboardUser');
    return undefined;
  }
  await requireChildOfSweep(callers, ledger.sweeps, { sweepId, seq });
  return (await findTarget(ledger.sweeps, { sweepId, seq })).user;
}

/** Returns what the run may know about a user of a sweep; all of it is stored in its history. */
function withoutIds({ itemIds, batchUserId = '', ...user }: TargetUser): NonNullable<Preparation['target']> {
  const ids = TARGET_IDS.filter((id) => (id === 'batchUserId' ? batchUserId !== '' : user[id] !== undefined));
  const unroutable = batchUserId !== '' && !fitsInRoute(batchUserId);
  return { ids, ...(itemIds && { itemIds: [...itemIds] }), ...(unroutable && { unroutableBatchUserId: batchUserId }) };
}

function checkTask(catalogue: Catalogue, name: string, input: unknown): void {
  const task = catalogue.find(name);
  if (!task) throw refusal('task', unknownTask(catalogue, name));
  try {
    parseInput(name, task.input, input);
  } catch (error) {
    if (error instanceof InvalidInputError)
      throw refusal(error.field ? `input.${error.field}` : 'input', error.message);
    throw error;
  }
}

function settledStep({ step, task, outcome, reason, requestId, token, failure }: StepResult): SettledStep {
  return {
    step,
    task,
    outcome,
    reason,
    requestId,
    token,
    failureType: failure?.type,
    status: failure?.status,
    code: failure?.code,
  };
}
