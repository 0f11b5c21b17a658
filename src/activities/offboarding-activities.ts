import type { ServiceSettings } from '../config/service-settings';
import type { Receipt, SettledStep, SubjectHistory } from '../ledger/ledger';
import type { OpenedLedger } from '../ledger/open-ledger';
import type { TargetRow } from '../ledger/sweeps/snapshot-types';
import type { SweepRow } from '../ledger/sweeps/sweep-types';
import { identitiesOf, subjectsOf } from '../ledger/user-subjects';
import type { Identity } from '../ledger/user-subjects';
import type { DueCalendar } from '../policy/legal-clock';
import type { StepResult } from '../policy/offboard-result';
import { asRecorded } from '../policy/compensation-log';
import { notBorneOut, withOwnEvidence } from '../policy/settled-by-ledger';
import type { RunClaims } from '../policy/settled-by-ledger';
import { otherIds, targetIdsOf } from '../policy/target-reference';
import type { TargetUser } from '../policy/target-reference';
import { idAt, idsOf, namedField, ONLY_ENVIRONMENT, placeOf } from '../policy/user-ids';
import type { NamedIds, ProviderIds } from '../policy/user-ids';
import { fitsInRoute } from '../providers/batch/service';
import type { NamedUser, ProviderSet, StepChoices } from '../providers/provider-set';
import type { Catalogue } from '../providers/catalogue';
import { accountOf } from '../tasks/accounts';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { requireChildOfSweep, requireRunOf } from './callers';
import type { CallingRun, Callers } from './callers';
import type {
  OffboardingActivities,
  PrepareOffboarding,
  Preparation,
  RecordedEnd,
  RecordEnd,
  TaskSettling,
} from './contract';
import { findTarget } from './task-activities';
import { dailyLimit, dayIsFull, notAllowed, refuseForbiddenCall, refuseForbiddenPlan } from './governed';
import {
  retryable,
  OTHER_ACCOUNTS,
  refusal,
  refuseTokens,
  refuseUnsendable,
  requireService,
  unknownTask,
} from './refusals';
import { environmentsBy, readDueDate, recordRequest } from './run-request';
import type { TaskDependencies } from './run-task';
import { recordedSteps } from './sweep/sweep-steps';

/** What the activities of the offboarding workflows need. */
export interface OffboardingDependencies extends Pick<
  TaskDependencies,
  'sender' | 'hasher' | 'allowSensitive' | 'policy'
> {
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
  /** For due dates. @default none */
  holidays?: DueCalendar['holidays'];
  timeZone?: DueCalendar['timeZone'];
}

/** Creates the activities of the offboarding workflows other than the HTTP tasks. Each first verifies its caller. */
export function createOffboardingActivities(dependencies: OffboardingDependencies): OffboardingActivities {
  return {
    'httpTasks.prepareOffboarding': (input) => prepare(dependencies, input),
    'httpTasks.checkTask': async ({ task, input }) => {
      await requireRunOf(dependencies.callers, 'runHttpTask');
      return checkTask(dependencies, task, input);
    },
    'httpTasks.checkHold': async ({ subjects }) => {
      await requireRunOf(dependencies.callers, 'offboardUser');
      return retryable(async () => ({ held: await dependencies.ledger.isHeld(subjects) }));
    },
    'httpTasks.readDueDate': (input) => readDueDate(dependencies, input),
    'httpTasks.recordEnd': (end) => recordEnd(dependencies, end),
  };
}

async function recordEnd(
  { ledger, callers, catalogue }: OffboardingDependencies,
  end: RecordEnd,
): Promise<RecordedEnd> {
  const run = await requireRunOf(callers, 'offboardUser');
  const { workflowId, runId } = run;
  return retryable(async () => {
    const receipts = await callsOf(ledger, callers, run, end);
    const perhapsSent = stepsInDoubt(receipts.filter((receipt) => receipt.runId === runId));
    const wrong = notBorneOut(end.steps, receipts, claimsOf(end));
    const { subject, environment, steps, compensations } = asRecorded(
      end,
      { perhapsSent, notBorneOut: wrong },
      (task) => catalogue.find(task)?.remedy,
    );
    const settled = steps.map((step) => settledStep(withOwnEvidence(step, receipts), end.accounts));
    await ledger.recordEnd({ workflowId, runId, subject, environment, steps: settled, compensations });
    if (end.status !== undefined) {
      const outcome = end.status === 'completed' && wrong.length > 0 ? 'partial' : end.status;
      await ledger.requests.end({ workflowId, firstRun: run.firstRunId, outcome });
    }
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
  if (firstRunId === runId || notBorneOut(end.steps, own, claimsOf(end)).length === 0) return own;
  const all = await ledger.readReceipts({ workflowId });
  const same = new Set([runId]);
  for (const other of new Set(all.map((receipt) => receipt.runId))) {
    if ((await callers.describe({ workflowId, runId: other }))?.firstRunId === firstRunId) same.add(other);
  }
  return all.filter((receipt) => same.has(receipt.runId));
}

/** The claims of the run about its steps. Runs of earlier versions sent fewer. */
function claimsOf({ someItems = true, wholeLists, answers }: RecordEnd): RunClaims {
  return { wholeLists: wholeLists ?? (someItems ? [] : 'any'), ...(answers && { answers }) };
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

async function prepare(dependencies: OffboardingDependencies, given: PrepareOffboarding): Promise<Preparation> {
  const { sender, ledger, callers, hasher, allowSensitive, services, catalogue, providers } = dependencies;
  const { row, sweep, run } = await callerOf(ledger, callers, given.user);
  const target = row?.user;
  // A target's token comes from the ledger, where it is encrypted, and is in no history.
  if (!target) await refuseTokens([['user', given.user]], allowSensitive, providers);
  const user: NamedUser = target ?? { ...given.user, itemIds: given.itemIds };
  const ids = idsOf(user);
  const choices = stepChoicesOf(given);
  const recorded = sweep && recordedSteps(sweep);
  refuseUnknownNames(providers, user, recorded ? {} : choices);
  // A sweep's users have IDs at different providers.
  if (!target && !providers.chosen(choices).some(({ name }) => Object.hasOwn(ids, name)))
    throw refusal('providers', 'names no provider at which the user has an ID');
  const serviceOf = (provider: string): string => providers.serviceNameAt(provider, user.account);
  for (const { name } of providers.calledFor(choices, ids))
    requireService(services, serviceOf(name), firstFieldAt(user, name));
  if (given.compensation) refuseUnsendable(catalogue, sender, given.compensation);
  // A sweep's users were checked with the sweep.
  const steps =
    dependencies.policy && !target ? providers.planFor(choices, services, { ids, account: user.account }) : undefined;
  if (steps) {
    const { reason, compensation, dryRun = false } = given;
    const plan = { reason, steps, services, dryRun, compensation: compensation?.task, account: user.account };
    refuseForbiddenPlan(dependencies.policy, plan, new Date());
    // What counts is the intent of the first call; here a run that could do nothing is refused before it looks.
    const daily = dryRun ? undefined : dailyLimit(dependencies.policy);
    if (daily && (await retryable(() => ledger.countUsersOfDay(daily.day))) >= daily.mostUsers)
      throw notAllowed(dayIsFull(daily.mostUsers));
  }
  const hasAccounts = user.account !== undefined || providers.accounts.listed.length > 0;
  const environmentOf = (name: string): string => services.get(serviceOf(name))?.environment ?? ONLY_ENVIRONMENT;
  const identities = identitiesOf(ids, providers.isThing);
  const subjects = subjectsOf(identities, environmentOf, hasher, serviceOf);
  if (row && hasAccounts && !row.subjects.every((subject, index) => subject === subjects[index]))
    throw refusal('user.account', OTHER_ACCOUNTS);
  const searchable = dependencies.searchAttributes();
  const request = run && {
    run,
    ...given,
    subjects,
    environments: environmentsBy(identities, serviceOf, environmentOf),
  };
  return retryable(async () => {
    const dueAt = request && (await recordRequest(dependencies, request));
    const [held, histories] = await Promise.all([
      ledger.isHeld(subjects),
      ledger.sweeps.readHistories(subjects.map((subject) => ({ subjects: [subject] }))),
    ]);
    const known = knownFrom(identities, histories);
    const entries = knownEntries(ids, known, (provider, id) =>
      hasher.item(serviceOf(provider), environmentOf(provider), id),
    );
    const accounts = accountsAt(Object.keys(ids), serviceOf);
    return {
      subject: subjects[0] ?? '',
      subjects,
      held,
      environment: identities[0] ? environmentOf(identities[0].provider) : ONLY_ENVIRONMENT,
      batchApps: [...(services.get(serviceOf(namedField('batchUserId').provider))?.keySlots ?? [])],
      ...(given.choices && {
        plan: recorded
          ? providers.partFor(recorded, { ids, account: user.account })
          : providers.planFor(choices, services, { ids, account: user.account }),
      }),
      knownSteps: known.steps,
      knownIds: known.ids,
      hadItems: known.items.has(namedField('itemIds').provider),
      hadItemsAt: [...known.items.keys()],
      knownItems: entries['plaid.itemIds'] ?? [],
      knownEntries: entries,
      ...(target && { target: withoutIds(target) }),
      ...(searchable.length > 0 && { searchAttributes: [...searchable] }),
      ...(dueAt !== undefined && { dueAt }),
      ...(Object.keys(accounts).length > 0 && { accounts }),
    };
  });
}

/** The account of a user at each provider where it is not the default one. */
function accountsAt(providers: readonly string[], serviceOf: (provider: string) => string): Record<string, string> {
  return Object.fromEntries(
    providers.flatMap((provider) => {
      const account = accountOf(serviceOf(provider));
      return account === undefined ? [] : [[provider, account]];
    }),
  );
}

/** What decides about the steps. Runs of earlier versions make their plan themselves and only need the keys checked. */
function stepChoicesOf({ choices, usesBatch }: PrepareOffboarding): StepChoices {
  if (!choices) return { options: { batch: { mode: usesBatch ? 'customData' : 'skip' } } };
  const { removeUser, batchMode, providers, include, exclude } = choices;
  return { providers, include, exclude, options: { plaid: { removeUser }, batch: { mode: batchMode } } };
}

/** @throws ApplicationFailure `Task.InvalidInput` that names the first field that this worker does not know. */
function refuseUnknownNames(providers: ProviderSet, user: NamedUser, choices: StepChoices): void {
  const [inUser] = providers.problemsOf(user, idsOf(user));
  if (inUser) throw refusal(`user.${inUser.field}`, inUser.message);
  const [inChoice] = providers.problemsOfChoice(choices);
  if (inChoice) throw refusal(inChoice.field, inChoice.message);
}

function firstFieldAt(user: NamedIds, provider: string): string {
  const [first = ''] = Object.keys(idsOf(user)[provider] ?? {});
  return `user.${placeOf(user, provider, first)}`;
}

/** What earlier receipts say about a user's IDs. */
interface KnownIds {
  /** As `provider.id`. */
  ids: string[];
  steps: string[];
  /** Hashes of items, by provider. */
  items: ReadonlyMap<string, ReadonlySet<string>>;
  /** By `provider.id`: the values with a receipt of their own. */
  values: ReadonlyMap<string, ReadonlySet<string>>;
}

/** An ID at one provider does not confirm the ID at another provider, which may be mistyped this time. */
function knownFrom(identities: readonly Identity[], histories: readonly SubjectHistory[]): KnownIds {
  const steps = new Set<string>();
  const items = new Map<string, Set<string>>();
  const values = new Map<string, Set<string>>();
  identities.forEach(({ provider, id, value }, index) => {
    const history = histories[index] ?? { steps: [], items: [] };
    const own = history.steps.filter((step) => step.startsWith(`${provider}.`));
    for (const step of own) steps.add(step);
    if (own.length > 0) values.set(`${provider}.${id}`, (values.get(`${provider}.${id}`) ?? new Set()).add(value));
    if (history.items.length > 0) items.set(provider, new Set([...(items.get(provider) ?? []), ...history.items]));
  });
  return { ids: [...values.keys()], steps: [...steps].sort(), items, values };
}

/** Positions of the entries of each list that have a receipt of their own, or are items that a receipt names. */
function knownEntries(
  ids: ProviderIds,
  { items, values }: KnownIds,
  itemHash: (provider: string, id: string) => string,
): Record<string, number[]> {
  const known = Object.entries(ids).flatMap(([provider, given]) =>
    Object.entries(given).flatMap(([id, list]) => {
      if (typeof list === 'string') return [];
      const name = `${provider}.${id}`;
      const at = list.flatMap((value, index) =>
        values.get(name)?.has(value) || items.get(provider)?.has(itemHash(provider, value)) ? [index] : [],
      );
      return at.length > 0 ? [[name, at] as const] : [];
    }),
  );
  return Object.fromEntries(known);
}

/** Returns the user of a sweep, or the run of a single user. */
async function callerOf(
  ledger: OpenedLedger,
  callers: Callers,
  { sweepId, seq }: PrepareOffboarding['user'],
): Promise<{ row?: TargetRow; sweep?: SweepRow; run?: CallingRun }> {
  if (sweepId === undefined || seq === undefined) return { run: await requireRunOf(callers, 'offboardUser') };
  const sweep = await requireChildOfSweep(callers, ledger.sweeps, { sweepId, seq });
  return { row: await findTarget(ledger.sweeps, { sweepId, seq }), sweep };
}

/** Returns what the run may know about a user of a sweep; all of it is stored in its history. */
function withoutIds(user: TargetUser): NonNullable<Preparation['target']> {
  const { itemIds, reference } = user;
  const others = otherIds(user);
  const { provider, id } = namedField('batchUserId');
  const customId = idAt(idsOf(user), provider, id);
  const unroutable = typeof customId === 'string' && !fitsInRoute(customId);
  return {
    ids: targetIdsOf(user),
    ...(Object.keys(others).length > 0 && { others }),
    ...(reference !== undefined && { reference }),
    ...(itemIds && { itemIds: [...itemIds] }),
    ...(unroutable && { unroutableBatchUserId: customId }),
  };
}

function checkTask(
  { catalogue, policy, services }: OffboardingDependencies,
  name: string,
  input: unknown,
): TaskSettling {
  const task = catalogue.find(name);
  if (!task) throw refusal('task', unknownTask(catalogue, name));
  try {
    parseInput(name, task.input, input);
  } catch (error) {
    if (error instanceof InvalidInputError)
      throw refusal(error.field ? `input.${error.field}` : 'input', error.message);
    throw error;
  }
  const environment = services.get(task.service.name)?.environment ?? ONLY_ENVIRONMENT;
  refuseForbiddenCall(policy, task, input, { environment });
  const { settle, absentCodes, absentStatuses } = task;
  return settle?.by === 'look' ? { settle, absentCodes, ...(absentStatuses && { absentStatuses }) } : {};
}

function settledStep(
  { step, task, outcome, reason, requestId, token, failure }: StepResult,
  accounts: RecordEnd['accounts'] = {},
): SettledStep {
  const provider = task.split('.', 1)[0] ?? '';
  const account = Object.hasOwn(accounts, provider) ? accounts[provider] : undefined;
  return {
    step,
    task,
    ...(account !== undefined && { service: `${provider}/${account}` }),
    outcome,
    reason,
    requestId,
    token,
    failureType: failure?.type,
    status: failure?.status,
    code: failure?.code,
  };
}
