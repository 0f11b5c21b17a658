import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';
import type { CompiledCall, CompiledPlan, CompiledStep } from '../providers/compiled-plan';
import { showsState } from '../providers/path';
import type { WantedRequests } from '../providers/path';
import { UnwritableIdError } from '../providers/template';
import type { IdValue, SpecialPlaceholder, TemplateScope } from '../providers/template';

/**
 * Items that earlier rounds of the same offboarding removed. The ledger has only their keyed hashes, so it is asked.
 */
export interface RemovedItems {
  has(itemId: string): boolean;
  readonly size: number;
}

/** What is known of a user before a run. */
export interface KnownBefore {
  /** Steps with a receipt that saw, removed or had accepted this user. */
  steps: readonly string[];
  /** IDs (`provider.id`) with such a receipt; absent if only the steps are known. */
  ids?: readonly string[];
  /** Providers with a receipt that saw or removed at least one item of this user. */
  hadItems: readonly string[];
  /** Entries of lists of IDs, by `provider.id`, that a receipt saw or removed. */
  entries?: Readonly<Record<string, readonly string[]>>;
  /**
   * By step: what earlier rounds of a sweep, which start over each time, had confirmed as removed. Never sent again.
   */
  removedBefore?: ReadonlyMap<string, RemovedItems>;
  /** Steps, other than lists, that such a round has done. They are not done again. */
  doneBefore?: readonly StepResult[];
}

/** `all`: every removal is verified by a look. `unsure`: only those without a successful response. */
type VerifyRemovals = 'all' | 'unsure';

/** Everything that is decided before the first call for one user. */
export interface ConvergePlan {
  plan: CompiledPlan;
  /** By provider and name. */
  ids: Readonly<Record<string, Readonly<Record<string, IdValue>>>>;
  /** The service of the user's account, such as `courier/acme`, by provider. @default the default account of each */
  accounts?: Readonly<Record<string, string>>;
  reason: { code: string; note?: string };
  reference?: string;
  /** Seeds the IDs of this user's calls; the same in every attempt. */
  callSeed: string;
  dryRun: boolean;
  onFailure: 'continue' | 'stop';
  notFoundIsFine: boolean;
  /** Whether a list is read again after all removals had a successful response. @default all */
  verifyRemovals?: VerifyRemovals | undefined;
  known: KnownBefore;
}

/** A call to make now. */
export interface CallMove {
  kind: 'call';
  step: string;
  task: string;
  input: Record<string, unknown>;
  /** The caller keeps only this of the response; nothing else is needed. */
  keeps?: WantedRequests;
}

/** A manual step to do now. */
export interface ManualMove {
  kind: 'manual';
  step: string;
  title: string;
  instructions: string;
}

/** What to do next for a step: call, wait, have it done manually, or nothing more. */
export type StepMove =
  CallMove | ManualMove | { kind: 'wait'; untilMs: number } | { kind: 'done'; results: StepResult[] };

/**
 * The result of a call: a response with the attempt (from 1) that got it, or a failure that Temporal does not retry any
 * more.
 */
export type CallResponse =
  | {
      ok: true;
      output: unknown;
      attempt: number;
      status?: number | undefined;
      requestId?: string;
      token?: string;
      /** An earlier attempt may have been carried out, so that what this response says may be its doing. */
      perhapsDone?: boolean | undefined;
    }
  | { ok: false; failure: TaskFailure };

/** The reported outcome of a manual step. */
export interface ManualReport {
  outcome: 'removed' | 'skipped' | 'failed';
  /** For example a ticket number; no personal data. */
  evidence?: string;
}

/** What the looks of a step have shown. */
export interface Sight {
  /** The look: its task and input. Empty when no other step looks in the same way. */
  look: string;
  /** A response has shown the user, or what the look is about. */
  seen: boolean;
  /** The last response says that it does not exist. */
  absent: boolean;
}

/**
 * One step for one user. Immutable: `next` returns what to do, and a response leads to a new step. Everything is pure;
 * time comes in as milliseconds since 1970.
 */
export interface Step {
  readonly name: string;
  /** The task whose effect the step has. */
  readonly task: string;
  readonly sight?: Sight;
  /** What a step that removes a list of items knows of them. */
  readonly items?: ItemsInSight;
  /** What became of the entries of a list of IDs for each of which the step makes its calls; those that have ended. */
  readonly entries?: readonly EndedEntry[];
  next(nowMs: number): StepMove;
  responded(call: CallMove, response: CallResponse, nowMs: number): Step;
  /** Returns the step after a report; only for manual steps. */
  reported?(report: ManualReport): Step;
  /** Returns the results of the step if it has to end now, because of `reason`. */
  ended(reason: string): StepResult[];
  /**
   * Returns what a later round needs to continue the step: JSON, with IDs in it. Undefined for a step that has done
   * nothing.
   */
  saved(): SavedStep | undefined;
  /** Returns the step as it was saved; called on one that has just begun. */
  resumed(saved: SavedStep): Step;
}

/** See {@link Step.saved}. */
export type SavedStep = Readonly<Record<string, unknown>>;

/** See {@link Step.items}. */
export interface ItemsInSight {
  /** Items of the last complete look. */
  listed: readonly string[];
  /** Items that the next call removes; none when it is a look. */
  acting: readonly string[];
}

/** See {@link Step.entries}. */
export interface EndedEntry {
  /** The ID. */
  value: string;
  result: StepResult;
}

/** A result without the names that all results of a step have in common. */
export type PartialResult = Omit<StepResult, 'step' | 'task'> & { task?: string };

/** How long a read that may lag is polled before it is believed, in milliseconds. */
export const LAG_MS = 60_000;

/** Minimum time between a lost response and the next call, in milliseconds: the provider may still be processing it. */
export const SETTLE_MS = 5_000;

/** Returns the pause before look number `looks` (from 0): it starts with one second and doubles up to ten. */
export function pauseMs(looks: number): number {
  return Math.min(1_000 * 2 ** looks, 10_000);
}

/**
 * Returns the outcome of a step that ends before it has sent anything: skipped if it was cancelled, otherwise failed.
 */
export function outcomeWhenEnded(reason: string): 'skipped' | 'failed' {
  return reason === 'cancelled' ? 'skipped' : 'failed';
}

/** Begins a step, or ends it as failed when an ID cannot be written at its position; nothing is sent then. */
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

/** Returns whether a failed call may have been carried out. */
export function maybeDone(failure: TaskFailure): boolean {
  return failure.type === 'Task.OutcomeUnknown' || failure.type === 'Task.UnexpectedResponse';
}

/** Returns whether a call that may be repeated may have been carried out before it got its response. */
export function perhapsDoneBefore(response: CallResponse): boolean {
  return (response.ok ? response : response.failure).perhapsDone === true;
}

/** Returns whether a call's response says that what it is about does not exist. */
export function saysAbsent({ task, absent }: CompiledCall, response: CallResponse): boolean {
  if (response.ok) return showsState(response.output, absent) || isAbsentStatus(task, response.status);
  const { type, code, status } = response.failure;
  return type === 'Task.Rejected' && task.absent.some((one) => one === code || one === status);
}

function isAbsentStatus({ absentIfGood }: CompiledCall['task'], status: number | undefined): boolean {
  return status !== undefined && absentIfGood?.includes(status) === true;
}

/** Returns whether a successful response says that the call failed. */
export function saysFailed({ failed }: CompiledCall, response: CallResponse): boolean {
  return response.ok && showsState(response.output, failed);
}

/** Fills in the calls of one step for one user. */
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

  /** Returns the value of a template. */
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

const PRIME = 0x01000193;
const SEEDS = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35] as const;

/**
 * Returns a UUID (version 8) that is the same for the same texts, so that a call keeps its ID in every repetition, also
 * in another process. It is not secret and proves nothing.
 */
export function callIdOf(...parts: readonly string[]): string {
  const text = JSON.stringify(parts);
  const hex = SEEDS.map((seed) => hash(text, seed).toString(16).padStart(8, '0')).join('');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

/** FNV-1a over UTF-16 units with a final mix: the sandbox of workflows has no cryptography. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    value = Math.imul(value ^ (unit & 0xff), PRIME);
    value = Math.imul(value ^ (unit >>> 8), PRIME);
  }
  value = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  value = Math.imul(value ^ (value >>> 15), 0x846ca68b);
  return (value ^ (value >>> 16)) >>> 0;
}
