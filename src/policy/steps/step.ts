import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import type { CompiledCall, CompiledPlan, CompiledStep } from '../providers/compiled-plan';
import { callIdOf } from '../providers/call-id';
import type { WantedRequests } from '../providers/found-requests';
import { showsState } from '../providers/state-pattern';
import { UnwritableIdError } from '../providers/template';
import type { IdValue, SpecialPlaceholder, TemplateScope } from '../providers/template';

/** Items that earlier rounds of the same offboarding removed. The ledger knows them by keyed hashes only, so it is asked. */
export interface RemovedItems {
  has(itemId: string): boolean;
  readonly size: number;
}

/** What is known of a user from before a run. */
export interface KnownBefore {
  /** Steps of which a receipt says that they saw, removed or had accepted this user. */
  steps: readonly string[];
  /** IDs (`provider.id`) about which there is such a receipt; absent where only the steps are known. */
  ids?: readonly string[];
  /** Providers at which a receipt saw or removed at least one item of this user. */
  hadItems: readonly string[];
  /** Those entries of lists of IDs, by `provider.id`, that a receipt saw or removed. */
  entries?: Readonly<Record<string, readonly string[]>>;
  /** By step: what earlier rounds of a sweep, which begin again each time, had confirmed as removed. Never to be sent again. */
  removedBefore?: ReadonlyMap<string, RemovedItems>;
  /** Steps, other than lists, that such a round has done. They are not done again. */
  doneBefore?: readonly StepResult[];
}

/** `all`: every removal is verified by a look. `unsure`: only those without a good response. */
export type VerifyRemovals = 'all' | 'unsure';

/** Everything that is decided before the first call for one user. */
export interface ConvergePlan {
  plan: CompiledPlan;
  /** By provider and name. */
  ids: Readonly<Record<string, Readonly<Record<string, IdValue>>>>;
  /** The service of the user's account, such as `courier/acme`, by provider. @default the default account of each */
  accounts?: Readonly<Record<string, string>>;
  reason: { code: string; note?: string };
  reference?: string;
  /** Makes the IDs of this user's calls; the same in every attempt. */
  callSeed: string;
  dryRun: boolean;
  onFailure: 'continue' | 'stop';
  notFoundIsFine: boolean;
  /** Whether a list is looked at again after all removals were answered well. @default all */
  verifyRemovals?: VerifyRemovals | undefined;
  known: KnownBefore;
}

/** A call to make now. */
export interface CallMove {
  kind: 'call';
  step: string;
  task: string;
  input: Record<string, unknown>;
  /** Nothing else of the response is needed; the caller keeps only this. */
  keeps?: WantedRequests;
}

/** What a person has to do now. */
export interface ManualMove {
  kind: 'manual';
  step: string;
  title: string;
  instructions: string;
}

/** What to do next for a step: call, look again later, have a person do it, or nothing more. */
export type StepMove =
  CallMove | ManualMove | { kind: 'wait'; untilMs: number } | { kind: 'done'; results: StepResult[] };

/** What became of a call: an answer, with the attempt (from 1) that brought it, or a failure that Temporal will not retry any more. */
export type CallAnswer =
  | { ok: true; output: unknown; attempt: number; requestId?: string; token?: string }
  | { ok: false; failure: TaskFailure };

/** What a person reports about a manual step. */
export interface ManualReport {
  outcome: 'removed' | 'skipped' | 'failed';
  /** For example the number of a ticket; no personal data. */
  evidence?: string;
}

/** What the looks of a step have shown. */
export interface Sight {
  /** The look: its task and input. Empty where no other step looks in the same way. */
  look: string;
  /** The provider has shown the user, or what the look is about. */
  seen: boolean;
  /** The provider has last said that it is not there. */
  absent: boolean;
}

/**
 * One step for one user as a value: `next` says what to do, `answered` what an answer changes. Both are pure; time
 * comes in as milliseconds since 1970.
 */
export interface Step {
  readonly name: string;
  /** The task whose effect this step is for. */
  readonly task: string;
  readonly sight?: Sight;
  /** What a step that removes a list of items knows of them. */
  readonly items?: ItemsInSight;
  next(nowMs: number): StepMove;
  answered(call: CallMove, answer: CallAnswer, nowMs: number): Step;
  /** What a person has reported; only for steps that wait for one. */
  reported?(report: ManualReport): Step;
  /** How the step stands if it has to end now, because of `reason`. */
  ended(reason: string): StepResult[];
  /** What a later round needs to continue the step: JSON, with IDs in it. Undefined for a step that has done nothing. */
  saved(): SavedStep | undefined;
  /** The step as it was saved; called on one that has just begun. */
  resumed(saved: SavedStep): Step;
}

/** See {@link Step.saved}. */
export type SavedStep = Readonly<Record<string, unknown>>;

/** See {@link Step.items}. */
export interface ItemsInSight {
  /** Those of the last complete look. */
  listed: readonly string[];
  /** Those that the next call removes; none when it is a look. */
  acting: readonly string[];
}

/** A result without the names that all results of a step share. */
export type PartialResult = Omit<StepResult, 'step' | 'task'> & { task?: string };

/** A read that may lag behind is polled for this long, then believed. */
export const LAG_MS = 60_000;

/** After a lost answer the provider may still be at work: nothing is sent again before it had this long. */
export const SETTLE_MS = 5_000;

/** The pause before look number `looks` (from 0) of a polling that starts with one second and doubles up to ten. */
export function pauseMs(looks: number): number {
  return Math.min(1_000 * 2 ** looks, 10_000);
}

/** What a step is that ends before anything of it was sent: a cancelled one is left out, any other has failed. */
export function outcomeWhenEnded(reason: string): 'skipped' | 'failed' {
  return reason === 'cancelled' ? 'skipped' : 'failed';
}

/** Begins a step, or ends it as failed where an ID cannot be written in its place; nothing is sent then. */
export function beginIfWritable(
  { step, task }: { step: string; task: string },
  begin: () => Step | StepResult,
): Step | StepResult {
  try {
    return begin();
  } catch (error) {
    if (error instanceof UnwritableIdError) return { step, task, outcome: 'failed', reason: 'idNotWritable' };
    throw error;
  }
}

/** Failures of a call that was perhaps carried out. */
export function maybeDone(failure: TaskFailure): boolean {
  return failure.type === 'Task.OutcomeUnknown' || failure.type === 'Task.UnexpectedResponse';
}

/** Whether a call's answer says that what it is about is not there. */
export function saysAbsent({ task, absent }: CompiledCall, answer: CallAnswer): boolean {
  if (answer.ok) return showsState(answer.output, absent);
  const { type, code, status } = answer.failure;
  return type === 'Task.Rejected' && task.absent.some((one) => one === code || one === status);
}

/** Whether a good answer says that the call failed. */
export function saysFailed({ failed }: CompiledCall, answer: CallAnswer): boolean {
  return answer.ok && showsState(answer.output, failed);
}

/** How the calls of one step are filled in for one user. */
export class StepScope {
  readonly #plan: ConvergePlan;
  readonly #step: CompiledStep;
  readonly #ids: TemplateScope['ids'];
  readonly #entry: string;

  /** @param entry The current entry of the list of IDs of a step with `each`. */
  constructor(plan: ConvergePlan, step: CompiledStep, entry?: { id: string; value: string }) {
    const ids = plan.ids[step.plan.provider] ?? {};
    this.#plan = plan;
    this.#step = step;
    this.#ids = entry ? { ...ids, [entry.id]: entry.value } : ids;
    this.#entry = entry?.value ?? '';
  }

  /**
   * Returns the input of a call.
   *
   * @throws UnwritableIdError
   */
  fill(call: CompiledCall, special: TemplateScope['special'] = {}): Record<string, unknown> {
    return call.fill(this.#scope(special, call)) as Record<string, unknown>;
  }

  /** Returns what a template stands for. */
  value(fill: CompiledCall['fill']): unknown {
    return fill(this.#scope({}));
  }

  #scope(special: TemplateScope['special'], call?: CompiledCall): TemplateScope {
    const { reason, reference, callSeed } = this.#plan;
    const values: Partial<Record<SpecialPlaceholder, IdValue>> = {
      ...special,
      'reason.code': reason.code,
      'reason.note': reason.note,
      reference,
    };
    if (call?.usesCallId)
      values.callId = callIdOf(callSeed, this.#step.plan.step, call.name, this.#entry, JSON.stringify(special));
    return { ids: this.#ids, special: values };
  }
}
