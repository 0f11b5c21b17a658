import { isBad, isGood } from './offboard-result';
import type { StepResult } from './offboard-result';
import type { CompiledOnce, CompiledStep } from './providers/compiled-plan';
import type { PlannedStep } from './providers/step-plan';
import { UnwritableIdError } from './providers/template';
import { ListItemsStep } from './steps/list';
import { ManualWaitStep } from './steps/manual';
import { EachStep, lookKey, OnceCallStep } from './steps/once';
import { RequestFollowStep } from './steps/request';
import { outcomeWhenEnded, StepScope } from './steps/step';
import type {
  CallResponse,
  CallMove,
  ConvergePlan,
  KnownBefore,
  ManualMove,
  ManualReport,
  SavedStep,
  Sight,
  Step,
} from './steps/step';

export type { CallResponse, CallMove, ConvergePlan, ManualMove, ManualReport } from './steps/step';

/** What to do next for one user. `wait` is a durable timer in the workflow. */
export type Move = CallMove | ManualMove | { kind: 'wait'; delayMs: number } | { kind: 'done'; steps: StepResult[] };

/** Progress of the offboarding of one user. Immutable; each function returns a new state. */
export interface ConvergeState {
  plan: ConvergePlan;
  /** The remaining steps, in their order. */
  waiting: readonly CompiledStep[];
  current?: Step;
  done: readonly StepResult[];
  /** IDs (`provider.id`) that this run has shown to be known to the provider. */
  seen: ReadonlySet<string>;
  /** By look: whether its last result shows that what it reads does not exist. */
  looks: ReadonlyMap<string, boolean>;
  /** Steps that were skipped because an earlier one did not succeed. */
  blocked: ReadonlySet<string>;
}

type End = Pick<StepResult, 'outcome' | 'reason'>;

/** Returns the state before the first call. */
export function beginConverging(plan: ConvergePlan): ConvergeState {
  return startNext(stateOf(plan, plan.plan.steps));
}

function stateOf(plan: ConvergePlan, waiting: readonly CompiledStep[]): ConvergeState {
  return { plan, waiting, done: [], seen: new Set(), looks: new Map(), blocked: new Set() };
}

/** Returns what to do next. Pure. */
export function next(state: ConvergeState, nowMs: number): Move {
  if (!state.current) return { kind: 'done', steps: [...state.done] };
  const move = state.current.next(nowMs);
  if (move.kind === 'call' || move.kind === 'manual') return move;
  if (move.kind === 'wait') return { kind: 'wait', delayMs: move.untilMs - nowMs };
  throw new Error(`The step ${state.current.name} is done and still current.`);
}

/** Returns the state after the result of a call. */
export function responded(state: ConvergeState, call: CallMove, response: CallResponse, nowMs: number): ConvergeState {
  if (!state.current) throw new Error(`A result of ${call.task} arrived after the last step.`);
  return advanced(state, state.current.responded(call, response, nowMs), nowMs);
}

/** Returns the state after a manual step was reported; the same state if that step does not wait. */
export function reported(state: ConvergeState, step: string, report: ManualReport, nowMs: number): ConvergeState {
  const { current } = state;
  if (current?.name !== step || !current.reported) return state;
  return advanced(state, current.reported(report), nowMs);
}

/** Returns the state after its current step has become this one. */
export function advanced(state: ConvergeState, current: Step, nowMs: number): ConvergeState {
  const seeing = current.sight ? noteSight(state, current.name, current.sight) : state;
  const move = current.next(nowMs);
  if (move.kind !== 'done') return { ...seeing, current };
  return finishStep(seeing, current.name, move.results);
}

/**
 * Ends a run before its work is done: returns the current step as it is, and the others as not done.
 *
 * @param held Whether the user is on hold, which is then why the rest was not done.
 */
export function endEarly(
  state: ConvergeState,
  reason: 'deadline' | 'cancelled',
  { held = false }: { held?: boolean } = {},
): StepResult[] {
  const outcome = outcomeWhenEnded(reason);
  const open = [
    ...(state.current?.ended(reason) ?? []),
    ...state.waiting.flatMap((waiting) => notBegun(waiting, state, { outcome, reason })),
  ];
  return [...state.done, ...(held ? open.map((result) => heldUnlessSettled(result, { outcome, reason })) : open)];
}

function heldUnlessSettled(result: StepResult, end: End): StepResult {
  if (result.outcome !== end.outcome || result.reason !== end.reason) return result;
  const { reason: _reason, failure: _failure, ...rest } = result;
  return { ...rest, outcome: 'held' };
}

/** Progress of a run as JSON with IDs in it: what a later round needs to continue it. */
export interface SavedRun {
  done: readonly StepResult[];
  seen: readonly string[];
  looks: readonly (readonly [look: string, absent: boolean])[];
  blocked: readonly string[];
  /** The current step; absent when all have ended. */
  step?: string;
  /** From {@link Step.saved}. */
  saved?: SavedStep;
}

/** Returns what {@link resumeConverging} needs to continue the run. */
export function saveConverging({ done, seen, looks, blocked, current }: ConvergeState): SavedRun {
  const saved = current?.saved();
  return {
    done,
    seen: [...seen],
    looks: [...looks],
    blocked: [...blocked],
    ...(current && { step: current.name }),
    ...(saved && { saved }),
  };
}

/** The state of a run that was saved, for the same plan and user. */
export function resumeConverging(plan: ConvergePlan, run: SavedRun): ConvergeState {
  const { done, seen, looks, blocked, step: name, saved } = run;
  const { steps } = plan.plan;
  const at = steps.findIndex((step) => step.plan.step === name);
  const step = steps[at];
  const state = {
    ...stateOf(plan, steps.slice(at + 1)),
    done,
    seen: new Set(seen),
    looks: new Map(looks),
    blocked: new Set(blocked),
  };
  if (!step) return { ...state, waiting: [] };
  const begun = begin(step, state);
  // A step's conditions are as they were, so that it begins as it did.
  if (Array.isArray(begun)) return startNext({ ...state, done: [...done, ...begun] });
  return { ...state, current: saved ? begun.resumed(saved) : begun };
}

/** Returns the state without a result of the current step, which is done in another way. */
export function leaveOut(state: ConvergeState): ConvergeState {
  return startNext({ ...state, current: undefined });
}

/** The state after a hold has forbidden the current step, of which nothing was sent. */
export function holdCurrent(state: ConvergeState): ConvergeState {
  const { current } = state;
  return current
    ? finishStep(state, current.name, [{ step: current.name, task: current.task, outcome: 'held' }])
    : state;
}

/** Returns all steps of a user on legal hold, as held. */
export function allHeld(plan: ConvergePlan): StepResult[] {
  // A dry run reports a hold too, since a real run would meet it.
  const real = { ...plan, dryRun: false };
  const state = stateOf(real, []);
  return real.plan.steps.flatMap((waiting) => notBegun(waiting, state, { outcome: 'held' }));
}

/** Returns the results of a step that is never begun. One that had nothing to do reports this, regardless of how the run ended. */
function notBegun(waiting: CompiledStep, state: ConvergeState, end: End): StepResult[] {
  const begun = begin(waiting, state);
  return Array.isArray(begun) ? begun : [{ step: waiting.plan.step, task: begun.task, ...end }];
}

function finishStep(state: ConvergeState, step: string, results: readonly StepResult[]): ConvergeState {
  const done = [...state.done, ...results];
  const seen = results.some(({ outcome }) => isGood(outcome)) ? withProven(state, step) : state.seen;
  const rest = (end: End): ConvergeState => ({
    ...state,
    current: undefined,
    waiting: [],
    done: [...done, ...state.waiting.flatMap((waiting) => notBegun(waiting, { ...state, done }, end))],
  });
  if (results.some(({ outcome }) => outcome === 'held')) return rest({ outcome: 'held' });
  const bad = results.some(({ outcome }) => isBad(outcome, state.plan.notFoundIsFine));
  if (bad && state.plan.onFailure === 'stop') return rest({ outcome: 'skipped', reason: 'stopped' });
  return startNext({ ...state, current: undefined, done, seen });
}

function startNext(state: ConvergeState): ConvergeState {
  const [step, ...waiting] = state.waiting;
  if (!step) return { ...state, current: undefined };
  const begun = begin(step, state);
  if (!Array.isArray(begun)) return { ...state, waiting, current: begun };
  const isBlocked = begun.some(({ reason }) => blockedBy(step.plan, state)?.reason === reason && reason !== undefined);
  const blocked = isBlocked ? new Set([...state.blocked, step.plan.step]) : state.blocked;
  return startNext({ ...state, waiting, blocked, done: [...state.done, ...begun] });
}

/** Returns the step with its first move, or the results of one that has nothing to do. */
function begin(step: CompiledStep, state: ConvergeState): Step | StepResult[] {
  const { plan: planned } = step;
  const { plan } = state;
  const only = (result: End): StepResult[] => [{ step: planned.step, task: planned.task, ...result }];
  if (!isInRun(planned, plan)) return [];
  const skip = skipOf(planned, plan);
  if (skip) return only({ outcome: 'skipped', reason: skip.reason });
  if (plan.dryRun && step.repeatsLook) return only({ outcome: 'skipped', reason: 'dryRun' });
  if (plan.dryRun && (planned.kind === 'request' || planned.kind === 'manual'))
    return only({ outcome: 'skipped', reason: 'dryRun' });
  const doneBefore = plan.dryRun || planned.kind === 'list' ? [] : (plan.known.doneBefore ?? []);
  const before = doneBefore.filter((one) => one.step === planned.step);
  if (before.length > 0) return before;
  const blocking = plan.dryRun ? undefined : blockedBy(planned, state);
  if (blocking) return only({ outcome: 'skipped', reason: blocking.reason });
  return started(step, state);
}

/** Returns whether a user's run does the step: it has what the step needs. */
export function isOpenTo(step: PlannedStep, plan: ConvergePlan): boolean {
  return isInRun(step, plan) && skipOf(step, plan) === undefined;
}

function skipOf({ provider, skips }: PlannedStep, plan: ConvergePlan): PlannedStep['skips'][number] | undefined {
  const ids = plan.ids[provider] ?? {};
  return skips.find(({ without }) => !without?.some((id) => isGiven(ids[id])));
}

function isInRun({ provider: own, when: { any, none, services } }: PlannedStep, plan: ConvergePlan): boolean {
  const { ids } = plan;
  if (services && !services.includes(plan.accounts?.[own] ?? own)) return false;
  const has = (name: string): boolean => {
    const [provider = '', id = ''] = name.split('.');
    return isGiven(ids[provider]?.[id]);
  };
  return (any?.some(has) ?? true) && !none?.some(has);
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

function started(step: CompiledStep, state: ConvergeState): Step | StepResult[] {
  const { plan } = state;
  const knownBefore = isKnown(step.plan, state);
  const scope = new StepScope(plan, step);
  switch (step.kind) {
    case 'once':
      return step.plan.each === undefined ? once(step, state, scope) : each(step, step.plan.each, state);
    case 'list': {
      const { provider, only } = step.plan;
      const id = `${provider}.${only ?? ''}`;
      const wanted = only === undefined ? undefined : plan.ids[provider]?.[only];
      const removedBefore = plan.known.removedBefore?.get(step.plan.step);
      return asBegun(
        ListItemsStep.begin({
          step,
          scope,
          ...(wanted !== undefined && { only: typeof wanted === 'string' ? [wanted] : wanted }),
          dryRun: plan.dryRun,
          knownBefore,
          hadItems: plan.known.hadItems.includes(provider),
          knownItems: plan.known.entries?.[id] ?? [],
          trustsResponses: plan.verifyRemovals === 'unsure',
          ...(removedBefore && { removedBefore }),
        }),
      );
    }
    case 'request':
      return asBegun(RequestFollowStep.begin({ step, scope, knownBefore }));
    case 'manual':
      return new ManualWaitStep(step);
  }
}

function asBegun(begun: Step | StepResult): Step | StepResult[] {
  return 'next' in begun ? begun : [begun];
}

function once(step: CompiledOnce, state: ConvergeState, scope: StepScope): Step | StepResult[] {
  const { plan } = state;
  const knownBefore = isKnown(step.plan, state);
  // Nothing irreversible is requested when a look has shown that there is nothing to do.
  if (isAbsentAlready(step, state))
    return [{ step: step.plan.step, task: step.plan.task, outcome: knownBefore ? 'alreadyGone' : 'notFound' }];
  const { bulk } = step.plan;
  const value = bulk && plan.ids[step.plan.provider]?.[bulk.id];
  const id = typeof value === 'string' ? value : undefined;
  return asBegun(OnceCallStep.begin(step, scope, { id, dryRun: plan.dryRun, knownBefore }));
}

/** Makes one call for each entry of a list of IDs. */
function each(step: CompiledOnce, id: string, state: ConvergeState): Step | StepResult[] {
  const { plan } = state;
  const given = plan.ids[step.plan.provider]?.[id] ?? [];
  const known = plan.known.entries?.[`${step.plan.provider}.${id}`] ?? [];
  const entries = [...new Set(typeof given === 'string' ? [given] : given)].map((value) => ({
    value,
    begun: OnceCallStep.begin(step, new StepScope(plan, step, { id, value }), {
      id: undefined,
      dryRun: plan.dryRun,
      knownBefore: known.includes(value),
    }),
  }));
  return EachStep.begin(step, entries);
}

/** Returns the rule by which an earlier step blocks this one. */
function blockedBy(step: PlannedStep, { done, blocked }: ConvergeState): PlannedStep['after'][number] | undefined {
  return step.after.find(({ step: earlier, unless }) =>
    done.some((result) => result.step === earlier && unless.includes(blocked.has(earlier) ? 'failed' : result.outcome)),
  );
}

/**
 * Returns the key of a look that another step may have made; undefined if the step makes none, or shares it with no
 * other step.
 */
function sharedLook(step: CompiledStep, { plan }: ConvergeState): string | undefined {
  if (step.kind !== 'once' || !step.look || !step.sharesLook || step.plan.each !== undefined) return undefined;
  try {
    return lookKey(step.look, new StepScope(plan, step).fill(step.look));
  } catch (error) {
    if (error instanceof UnwritableIdError) return undefined;
    throw error;
  }
}

function isAbsentAlready(step: CompiledOnce, state: ConvergeState): boolean {
  const key = sharedLook(step, state);
  return key !== undefined && state.looks.get(key) === true;
}

function noteSight(state: ConvergeState, name: string, { look, seen, absent }: Sight): ConvergeState {
  const known = look === '' ? undefined : state.looks.get(look);
  const looks = look === '' || known === absent ? state.looks : new Map([...state.looks, [look, absent]]);
  return { ...state, looks, seen: seen ? withIds(state, name) : state.seen };
}

function withProven(state: ConvergeState, name: string): ReadonlySet<string> {
  return stepNamed(state, name)?.provesIds ? withIds(state, name) : state.seen;
}

/** Returns the IDs that a step has shown to be known. */
function withIds(state: ConvergeState, name: string): ReadonlySet<string> {
  const step = stepNamed(state, name);
  if (!step) return state.seen;
  const ids = step.ids.map((id) => `${step.provider}.${id}`);
  return ids.every((id) => state.seen.has(id)) ? state.seen : new Set([...state.seen, ...ids]);
}

function stepNamed({ plan }: ConvergeState, name: string): PlannedStep | undefined {
  return plan.plan.steps.find((step) => step.plan.step === name)?.plan;
}

/** Returns whether this run or the ledger has seen what the step is about. */
function isKnown(step: PlannedStep, { seen, plan: { known } }: ConvergeState): boolean {
  return step.ids.some((id) => seen.has(`${step.provider}.${id}`)) || isKnownToLedger(step, known);
}

/** Each key of a provider has users of its own, so only a step with the same key counts. */
function isKnownToLedger(step: PlannedStep, { steps, ids }: KnownBefore): boolean {
  if (step.keySlot !== undefined) return steps.includes(step.step);
  if (ids) return step.ids.some((id) => ids.includes(`${step.provider}.${id}`));
  return steps.some((name) => name.startsWith(`${step.provider}.`));
}
