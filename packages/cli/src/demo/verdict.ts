import type { BatchState, PlaidState } from '@temporal-http-tasks/testing/internal/simulators/control-responses';
import type { ProviderState as CourierState } from '@temporal-http-tasks/testing/internal/simulators/described/control';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { OffboardResult, StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { DemoUser, Problem, ProblemKind, RunOfUser } from './demo-users';
import { courierProblems, leavesCourier, leftAtCourier } from './courier';

const ITEMS = 'plaid.items';
const BATCH = 'batch.';

/** Differences between the result of a user's run and the providers' state. */
export function disagreements(member: DemoUser, result: OffboardResult | undefined, state: ProviderState): string[] {
  if (!result) return ['the run gave no result'];
  const truth = truthAbout(member, state);
  const reported = result.steps;
  const apps = Object.entries(truth.batch).filter(([, { accepted }]) => accepted);
  return [
    ...disagreementsOverItems(
      reported.filter(({ step }) => step === ITEMS),
      truth,
    ),
    ...reported.filter(({ step }) => step !== ITEMS).flatMap((step) => disagreementOver(step, truth) ?? []),
    ...unreported('plaid.products', truth.productsTerminated, reported),
    ...unreported('plaid.user', truth.plaidUserRemoved, reported),
    ...apps.flatMap(([app]) => unreported(`${BATCH}${app}`, true, reported)),
  ];
}

/** The removal of a user takes the Items along; the step before it has removed them by then. */
function disagreementsOverItems(steps: readonly StepResult[], { itemsRemoved }: ProviderTruth): string[] {
  // "Unknown" allows both, so nothing contradicts it.
  if (steps.some(({ outcome }) => outcome === 'unknown')) return [];
  const reportedItems = steps.filter(({ outcome }) => isGood(outcome)).reduce((sum, { items = 0 }) => sum + items, 0);
  return reportedItems === itemsRemoved.length
    ? []
    : [`the run says ${reportedItems} Items were removed, Plaid says ${itemsRemoved.length}`];
}

function disagreementOver({ step, outcome }: StepResult, truth: ProviderTruth): string | undefined {
  const happened = happenedAt(step, truth);
  if (outcome === 'unknown' || happened === undefined || happened === isGood(outcome)) return undefined;
  return `the run says ${step}: ${outcome}, the provider says it ${happened ? 'was' : 'was not'} done`;
}

function happenedAt(step: string, truth: ProviderTruth): boolean | undefined {
  if (step === 'plaid.products') return truth.productsTerminated;
  if (step === 'plaid.user') return truth.plaidUserRemoved;
  return step.startsWith(BATCH) ? truth.batch[step.slice(BATCH.length)]?.accepted : undefined;
}

function unreported(step: string, happened: boolean, reported: readonly StepResult[]): string[] {
  return happened && !reported.some((one) => one.step === step)
    ? [`${step} was done, and the run does not report it`]
    : [];
}

/** The state of both providers. */
export interface ProviderState {
  plaid: PlaidState;
  batch: BatchState;
}

/** The state of one user at the providers. */
export interface ProviderTruth {
  itemsRemoved: readonly string[];
  productsTerminated: boolean;
  plaidUserRemoved: boolean;
  /** By app: whether a deletion was accepted, and whether the data is deleted. */
  batch: Readonly<Record<string, { accepted: boolean; gone: boolean }>>;
}

/** Returns one user's part of the providers' state. */
export function truthAbout({ plaid: known, batchUserId }: DemoUser, { plaid, batch }: ProviderState): ProviderTruth {
  const userId = known?.userId;
  const apps = Object.entries(batch.apps).map(([app, { touched, gone: done }]) => {
    const has = (ids: readonly string[]): boolean => batchUserId !== undefined && ids.includes(batchUserId);
    return [app, { accepted: has(touched), gone: has(done) }] as const;
  });
  return {
    itemsRemoved: plaid.items.removed.flatMap(({ itemId, user }) => (user === userId ? itemId : [])),
    productsTerminated: plaid.terminated.some(({ user }) => user === userId),
    plaidUserRemoved: userId !== undefined && plaid.removedUsers.includes(userId),
    batch: Object.fromEntries(apps),
  };
}

/** Returns what is left of this user that had to be deleted. */
export function notDeleted(member: DemoUser, state: ProviderState): string[] {
  const { expected } = member;
  const truth = truthAbout(member, state);
  const items = expected.itemsGone.filter((itemId) => !truth.itemsRemoved.includes(itemId));
  const apps = expected.batchGone ? Object.entries(truth.batch).filter(([, app]) => !app.gone) : [];
  return [
    ...items.map((itemId) => `Plaid still holds ${itemId}`),
    ...(expected.productsTerminated && !truth.productsTerminated ? ["Plaid's products are not terminated"] : []),
    ...(expected.plaidUserRemoved && !truth.plaidUserRemoved ? ['Plaid still holds the user'] : []),
    ...apps.map(([app]) => `Batch still holds the custom data of ${app}`),
  ];
}

/** Returns what was done to this user by mistake: a hold was ignored, or an Item was removed that was not requested. */
export function takenTooMuch(member: DemoUser, state: ProviderState): string[] {
  const { expected } = member;
  const truth = truthAbout(member, state);
  const items = truth.itemsRemoved.filter((itemId) => expected.itemsLeft.includes(itemId));
  const apps = expected.batchGone ? [] : Object.entries(truth.batch).filter(([, app]) => app.accepted);
  return [
    ...items.map((itemId) => `${itemId} was not to be removed`),
    ...(truth.productsTerminated && !expected.productsTerminated ? ["Plaid's products were not to be terminated"] : []),
    ...(truth.plaidUserRemoved && !expected.plaidUserRemoved ? ['the Plaid user was not to be removed'] : []),
    ...apps.map(([app]) => `the custom data of ${app} was not to be deleted`),
  ];
}

/** The demo's verdict on the providers' state afterwards. */
export interface Verdict {
  ok: boolean;
  /** Users of the file of whom everything that had to be deleted is deleted. */
  usersGone: number;
  /** Users of the file of whom something is left that had to be deleted. */
  usersLeft: number;
  /** IDs outside the file for which the providers carried out any destructive call. */
  bystandersTouched: number;
  /** Removals at Plaid of something that had been removed before; a call that repeats two Items counts twice. */
  irreversibleCallsRepeated: number;
  /** Repeated calls whose repetition changes nothing. */
  repeatSafeCallsRepeated: number;
}

/**
 * Judges a whole demo. What had to happen follows from the users' file and the seeds, and what did happen from the
 * simulators' own state; the runs' results are only compared with both.
 */
export function judge(
  runs: readonly RunOfUser[],
  plaid: PlaidState,
  batch: BatchState,
  courier?: CourierState,
): { verdict: Verdict; problems: Problem[] } {
  const state: ProviderState = { plaid, batch };
  const demoUsers = runs.map(({ member }) => member);
  const leaving = demoUsers.filter((member) => hasToLose(member.expected) || leavesCourier(member, courier));
  const strangers = touchedStrangers(demoUsers, state);
  const repeats = [...plaid.repeats.irreversible, ...batch.repeats.irreversible];
  const about =
    (kind: ProblemKind, who: string) =>
    (problem: string): Problem => ({ kind, who, problem });
  const problems: Problem[] = [
    ...leaving.flatMap((member) => notDeleted(member, state).map(about('left', member.label))),
    ...demoUsers.flatMap((member) => takenTooMuch(member, state).map(about('tooMuch', member.label))),
    ...strangers.map((who) => about('bystander', who)('was not to be touched, and something of theirs was deleted')),
    ...repeats.map(({ endpoint, user, item, times }) =>
      about(
        'repeated',
        labelOf(demoUsers, user),
      )(`${endpoint} was carried out ${times + 1} times${item === undefined ? '' : ` for ${item}`}`),
    ),
    ...runs.flatMap(({ member, result }) => disagreements(member, result, state).map(about('report', member.label))),
    ...courierProblems(runs, courier),
  ];
  const isDeleted = (member: DemoUser): boolean =>
    notDeleted(member, state).length === 0 && leftAtCourier(member, courier).length === 0;
  const usersGone = leaving.filter(isDeleted).length;
  const sum = (kind: 'irreversible' | 'repeatSafe'): number =>
    [plaid, batch, ...(courier ? [courier] : [])].reduce((all, { repeatCounts }) => all + repeatCounts[kind], 0);
  const touched = new Set(problems.filter(({ kind }) => kind === 'bystander').map(({ who }) => who));
  return {
    verdict: {
      ok: problems.length === 0,
      usersGone,
      usersLeft: leaving.length - usersGone,
      bystandersTouched: touched.size,
      irreversibleCallsRepeated: sum('irreversible'),
      repeatSafeCallsRepeated: sum('repeatSafe'),
    },
    problems,
  };
}

function hasToLose({ itemsGone, productsTerminated, plaidUserRemoved, batchGone }: DemoUser['expected']): boolean {
  return itemsGone.length > 0 || productsTerminated || plaidUserRemoved || batchGone;
}

/** Returns users who are not in the file, at either provider, known there or not. */
function touchedStrangers(demoUsers: readonly DemoUser[], { plaid, batch }: ProviderState): string[] {
  const plaidIds = new Set(demoUsers.flatMap((member) => member.plaid?.userId ?? []));
  const batchIds = new Set(demoUsers.flatMap(({ batchUserId }) => batchUserId ?? []));
  const atPlaid = plaid.touched.filter((id) => !plaidIds.has(id));
  const atBatch = Object.values(batch.apps).flatMap(({ touched }) => touched.filter((id) => !batchIds.has(id)));
  return [...new Set([...atPlaid, ...atBatch])];
}

function labelOf(demoUsers: readonly DemoUser[], userId: string): string {
  return (
    demoUsers.find(({ plaid, batchUserId }) => plaid?.userId === userId || batchUserId === userId)?.label ?? userId
  );
}
