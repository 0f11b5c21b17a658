import { batch, plaid } from '../tasks/catalogue';
import { fitsInRoute } from '../tasks/batch/fields';
import { isBad } from './offboard-result';
import type { StepResult } from './offboard-result';
import { GdprStep } from './steps/gdpr';
import { ITEMS_STEP, ItemsStep } from './steps/items';
import { SingleCallStep } from './steps/single-call';
import { outcomeWhenEnded } from './steps/step';
import type { CallAnswer, CallMove, ConvergePlan, Step } from './steps/step';

export type { CallAnswer, CallMove, ConvergePlan } from './steps/step';

export const PRODUCTS_STEP = 'plaid.products';
export const USER_STEP = 'plaid.user';

/** What to do next for one user. `wait` is a durable timer in the workflow. */
export type Move = CallMove | { kind: 'wait'; delayMs: number } | { kind: 'done'; steps: StepResult[] };

/** How far the off-boarding of one user has come. A value: every function here answers a new one. */
export interface ConvergeState {
  plan: ConvergePlan;
  /** The steps that are left, in their order. */
  waiting: readonly StepPlan[];
  current?: Step;
  done: readonly StepResult[];
  userSeen: boolean;
  /** A look in this run showed that Plaid knows no such user. */
  userAbsent: boolean;
}

/** A step that has not begun: what it would do, and how to begin it. */
interface StepPlan {
  name: string;
  task: string;
  begin(state: ConvergeState): Step | StepResult;
}

/** The state before the first call. */
export function beginConverging(plan: ConvergePlan): ConvergeState {
  return startNext({ plan, waiting: stepPlans(plan), done: [], userSeen: false, userAbsent: false });
}

/** What to do next. Pure: asking twice changes nothing. */
export function next(state: ConvergeState, nowMs: number): Move {
  if (!state.current) return { kind: 'done', steps: [...state.done] };
  const move = state.current.next(nowMs);
  if (move.kind === 'call') return move;
  if (move.kind === 'wait') return { kind: 'wait', delayMs: move.untilMs - nowMs };
  throw new Error(`The step ${state.current.name} is done and still current.`);
}

/** The state after a call was answered. */
export function answered(state: ConvergeState, call: CallMove, answer: CallAnswer, nowMs: number): ConvergeState {
  if (!state.current) throw new Error(`An answer to ${call.task} arrived after the last step.`);
  const current = state.current.answered(call, answer, nowMs);
  const userSeen = state.userSeen || (current instanceof ItemsStep && current.sawUser);
  const userAbsent = current instanceof ItemsStep ? current.userAbsent : state.userAbsent;
  const move = current.next(nowMs);
  if (move.kind !== 'done') return { ...state, current, userSeen, userAbsent };
  return finishStep({ ...state, userSeen, userAbsent }, move.results);
}

/** The end of a run before its work is done: the current step as it stands, the others as not done. */
export function endEarly(state: ConvergeState, reason: 'deadline' | 'cancelled'): StepResult[] {
  const outcome = outcomeWhenEnded(reason);
  return [
    ...state.done,
    ...(state.current?.ended(reason) ?? []),
    ...state.waiting.map((waiting) => notBegun(waiting, state, { outcome, reason })),
  ];
}

/** Every step of a user on whom a hold lies. */
export function allHeld(plan: ConvergePlan): StepResult[] {
  // A dry run reports a hold too: it is what a real run would meet.
  const real = { ...plan, dryRun: false };
  const state = { plan: real, waiting: [], done: [], userSeen: false, userAbsent: false };
  return stepPlans(real).map((waiting) => notBegun(waiting, state, { outcome: 'held' }));
}

/** The result of a step that is never begun; one that had nothing to do says that, whatever ended the run. */
function notBegun(waiting: StepPlan, state: ConvergeState, end: Pick<StepResult, 'outcome' | 'reason'>): StepResult {
  const begun = waiting.begin(state);
  return 'next' in begun ? { step: waiting.name, task: waiting.task, ...end } : begun;
}

function finishStep(state: ConvergeState, results: readonly StepResult[]): ConvergeState {
  const done = [...state.done, ...results];
  const rest = (end: Pick<StepResult, 'outcome' | 'reason'>): ConvergeState => ({
    ...state,
    current: undefined,
    waiting: [],
    done: [...done, ...state.waiting.map((waiting) => notBegun(waiting, { ...state, done }, end))],
  });
  if (results.some(({ outcome }) => outcome === 'held')) return rest({ outcome: 'held' });
  const bad = results.some(({ outcome }) => isBad(outcome, state.plan.notFoundIsFine));
  if (bad && state.plan.onFailure === 'stop') return rest({ outcome: 'skipped', reason: 'stopped' });
  return startNext({ ...state, current: undefined, done });
}

function startNext(state: ConvergeState): ConvergeState {
  const [plan, ...waiting] = state.waiting;
  if (!plan) return { ...state, current: undefined };
  const begun = plan.begin(state);
  if ('next' in begun) return { ...state, waiting, current: begun };
  return startNext({ ...state, waiting, done: [...state.done, begun] });
}

/** The steps of this user, in the order in which they have to be done: products before the user that they hang on. */
function stepPlans(plan: ConvergePlan): StepPlan[] {
  return [
    itemsPlan(plan),
    productsPlan(plan),
    ...(plan.removeUser ? [userPlan(plan)] : []),
    ...(plan.batchMode === 'skip' || plan.batchUserId === undefined
      ? [skippedBatch(plan.batchMode === 'skip' ? 'batchMode' : 'noBatchId')]
      : plan.batchApps.map((app) => batchPlan(plan, plan.batchUserId ?? '', app))),
  ];
}

function itemsPlan({ plaidUser }: ConvergePlan): StepPlan {
  const [name, task] = [ITEMS_STEP, plaid.userItemsRemove.name];
  return {
    name,
    task,
    begin: ({ plan }) =>
      plaidUser ? new ItemsStep(plaidUser, plan) : { step: name, task, outcome: 'skipped', reason: 'noPlaidId' },
  };
}

function productsPlan({ plaidUser, reason, dryRun, exclude = [] }: ConvergePlan): StepPlan {
  const [name, task] = [PRODUCTS_STEP, plaid.userProductsTerminate];
  const skipped = (why: string): StepResult => ({ step: name, task: task.name, outcome: 'skipped', reason: why });
  return {
    name,
    task: task.name,
    begin: (state) => {
      if (!plaidUser) return skipped('noPlaidId');
      if (exclude.includes(name)) return skipped('excluded');
      if (!('user_id' in plaidUser)) return skipped('needsUserId');
      if (dryRun) return skipped('dryRun');
      const before = doneBefore(state, name);
      if (before) return before;
      const input = {
        ...plaidUser,
        reason_code: reason.code,
        ...(reason.note === undefined ? {} : { reason_note: reason.note }),
      };
      return new SingleCallStep({ name, task, input, knownBefore: plaidUserKnown(state) });
    },
  };
}

function userPlan({ plaidUser, dryRun }: ConvergePlan): StepPlan {
  const [name, task] = [USER_STEP, plaid.userRemove];
  const skipped = (why: string): StepResult => ({ step: name, task: task.name, outcome: 'skipped', reason: why });
  return {
    name,
    task: task.name,
    begin: (state) => {
      if (!plaidUser) return skipped('noPlaidId');
      if (dryRun) return skipped('dryRun');
      const before = doneBefore(state, name);
      if (before) return before;
      // Once the user is removed its products cannot be terminated any more, so their billing could never be ended.
      const products = state.done.find(({ step }) => step === PRODUCTS_STEP);
      if (products?.outcome === 'failed' || products?.outcome === 'unknown') return skipped('productsNotTerminated');
      const knownBefore = plaidUserKnown(state);
      // What cannot be undone is not asked for when a look has shown that there is nothing to do.
      if (state.userAbsent) return { step: name, task: task.name, outcome: knownBefore ? 'alreadyGone' : 'notFound' };
      const input = { ...plaidUser };
      const look = { task: plaid.userItemsGet, input };
      return new SingleCallStep({ name, task, input, look, knownBefore });
    },
  };
}

function batchPlan({ batchMode, dryRun, known }: ConvergePlan, userId: string, app: string): StepPlan {
  const name = `batch.${app}`;
  // `.` and `..` cannot stand in a URL, so they go out in the body of a bulk call.
  const deletion = fitsInRoute(userId)
    ? { task: batch.customDataDelete, input: { id: userId, app } }
    : { task: batch.customDataBulkDelete, input: { ids: [userId], app } };
  const task = batchMode === 'gdpr' ? batch.gdprRequestCreate.name : deletion.task.name;
  const knownBefore = known.steps.includes(name);
  return {
    name,
    task,
    begin: () => {
      if (dryRun) return { step: name, task, outcome: 'skipped', reason: 'dryRun' };
      return batchMode === 'gdpr'
        ? new GdprStep(name, { userId, app, knownBefore })
        : new SingleCallStep({ name, ...deletion, knownBefore });
    },
  };
}

function skippedBatch(reason: string): StepPlan {
  const [name, task] = ['batch', batch.customDataDelete.name];
  return { name, task, begin: () => ({ step: name, task, outcome: 'skipped', reason }) };
}

function doneBefore({ plan }: ConvergeState, name: string): StepResult | undefined {
  return plan.known.doneBefore?.find(({ step }) => step === name);
}

function plaidUserKnown({ userSeen, plan }: ConvergeState): boolean {
  return userSeen || plan.known.steps.some((step) => step.startsWith('plaid.'));
}
