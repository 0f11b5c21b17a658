import { held, outcomeUnknown } from '../../http/to-failure';
import { WAITS_FOR_PERSON } from '../../ledger/sweeps/sweep-types';
import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import {
  advanced,
  beginConverging,
  endEarly,
  holdCurrent,
  isOpenTo,
  leaveOut,
  next,
  reported,
  resumeConverging,
  saveConverging,
} from '../../policy/converge';
import type { CallResponse, CallMove, ConvergeState, SavedRun } from '../../policy/converge';
import type { StepResult } from '../../policy/offboard-result';
import { saysAbsent } from '../../policy/steps/step';
import type { EndedEntry } from '../../policy/steps/step';
import { isGood } from '../../policy/offboard-result';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkDependencies } from './sweep-dependencies';
import type { RefusedKey } from './contract';
import { failureOf } from '../refusals';
import { PossiblySent } from './possibly-sent';
import type { SavedDoubt } from './possibly-sent';
import { planFor, strangeAccount } from './plan-user';
import type { SweepOfUser, UserHistory } from './plan-user';
import { hasOwnIntent } from './sweep-steps';
import { UserItems, deferredReceipts, receiptsOf } from './user-receipts';
import type { SavedItems, Known, Met, Deferral } from './user-receipts';

/** A call to make now, with its task. */
export interface UserCall extends CallMove {
  definition: HttpTask;
  /** An earlier attempt may have sent it: it must be passed to `withhold`, and not to the provider. */
  perhapsSent: boolean;
  /** What has to be recorded before it is sent; absent if the intent of the wave is enough. */
  toRecord?: SavedUser;
}

/** What to do next for one user of a chunk. */
export type UserMove =
  | { kind: 'call'; call: UserCall }
  | { kind: 'wait'; delayMs: number }
  /** The plan has a task that this worker does not have; a worker that has it can continue. */
  | { kind: 'unknownTask'; service: string }
  /** The step is manual. */
  | { kind: 'person'; step: string }
  | { kind: 'settled'; user: SettledUser };

/** Progress of a user as JSON. */
export interface SavedUser {
  version: 1;
  run: SavedRun;
  /** By list step. */
  items: Readonly<Record<string, SavedItems>>;
  /** By step that makes its calls for each ID of a list: what became of the IDs. */
  entries?: Readonly<Record<string, readonly EndedEntry[]>>;
  doubt: SavedDoubt;
  /** Number of results with receipts of earlier rounds. */
  written: number;
  /** Bulk steps that the user waits for when everything else is done. */
  queued: readonly string[];
  /** The call that is about to be sent. */
  intent?: { step: string; task: string };
}

/**
 * The offboarding machine for one user of a chunk, with what is special there. It starts over in each attempt and gets
 * what earlier ones did or may have done; or, if that could not be learned by looking, it continues where the last one
 * recorded its progress. It ends before the steps that are done in bulk.
 *
 * Pure: time comes in as milliseconds since 1970, and `UserRun` makes the calls.
 */
export class UserMachine {
  readonly #user: OpenUser;
  readonly #known: Known;
  readonly #catalogue: ChunkDependencies['catalogue'];
  readonly #items: ReadonlyMap<string, UserItems>;
  readonly #entries: Map<string, readonly EndedEntry[]>;
  readonly #perhapsSent: PossiblySent;
  /** Repeat-safe calls of this attempt whose response was lost. */
  readonly #lostCalls = new Set<string>();
  readonly #written: number;
  readonly #queued: string[];
  /** The user's progress is in the ledger. */
  #isRecorded: boolean;
  /** Something has happened that has to be recorded before anything else is sent. */
  #mustRecord = false;
  #state: ConvergeState;
  #deferral: Deferral | undefined;

  constructor(
    user: OpenUser,
    history: UserHistory,
    sweep: SweepOfUser,
    dependencies: Pick<ChunkDependencies, 'hasher' | 'services' | 'providers' | 'catalogue'>,
  ) {
    this.#user = user;
    this.#known = { ...dependencies, steps: sweep.steps };
    this.#catalogue = dependencies.catalogue;
    const { progress, report } = history.progress ?? {};
    const saved = progress as SavedUser | undefined;
    const plan = planFor(user, history, sweep, dependencies);
    this.#items = new Map(
      sweep.steps.lists.map((step) => [step.plan.step, new UserItems(step, saved?.items[step.plan.step])]),
    );
    this.#entries = new Map(Object.entries(saved?.entries ?? {}));
    const interrupted = user.unsettled;
    const from = saved && (saved.run.step ?? '');
    this.#perhapsSent = new PossiblySent({ interrupted, saved: saved?.doubt, intent: saved?.intent, from }, plan);
    this.#written = saved?.written ?? 0;
    this.#queued = [...(saved?.queued ?? [])];
    this.#isRecorded = saved !== undefined;
    this.#state = saved ? resumeConverging(plan, saved.run) : beginConverging(plan);
    if (report) this.#state = reported(this.#state, report.step, report, 0);
  }

  /** Whether the next call was deferred. */
  get isDeferred(): boolean {
    return this.#deferral !== undefined;
  }

  next(nowMs: number): UserMove {
    for (;;) {
      const move = next(this.#state, nowMs);
      if (move.kind === 'done') return { kind: 'settled', user: this.#settled() };
      if (move.kind === 'wait') return move;
      if (move.kind === 'manual') {
        if (!this.#user.held) return { kind: 'person', step: move.step };
        this.#state = holdCurrent(this.#state);
        continue;
      }
      if (this.#known.steps.isBulkCall(move) && !this.#state.plan.dryRun) {
        this.#queued.push(this.#known.steps.queueOf(move.step, this.#state.plan.accounts));
        this.#state = leaveOut(this.#state);
        continue;
      }
      return this.#call(move);
    }
  }

  #call(move: CallMove): UserMove {
    const task = this.#catalogue.find(move.task);
    const definition = task && this.#known.providers.accounts.taskAt(task, this.#user.user.account);
    if (!definition) return { kind: 'unknownTask', service: move.task.split('.', 1)[0] ?? '' };
    const perhapsSent = this.#perhapsSent.forbids(move, definition);
    const step = this.#known.steps.find(move.step);
    const isIntent = !perhapsSent && step !== undefined && hasOwnIntent(step, move.task);
    const toRecord = isIntent || this.#mustRecord ? this.#saved(isIntent ? move : undefined) : undefined;
    return { kind: 'call', call: { ...move, definition, perhapsSent, ...(toRecord && { toRecord }) } };
  }

  /** Notes that the progress was recorded. */
  recorded(saved: SavedUser): void {
    this.#isRecorded = true;
    // The response has to replace the intent.
    this.#mustRecord = saved.intent !== undefined;
  }

  /** The missing key of a step of this user; the step must not be left out without a notice. */
  get unreachable(): RefusedKey | undefined {
    const { steps, services } = this.#known;
    const strange = strangeAccount(this.#user, this.#known);
    if (strange !== undefined) return { service: strange };
    const { plan } = this.#state;
    const step = steps.missingAt(plan.accounts).find((one) => isOpenTo(one.plan, plan));
    if (!step) return undefined;
    const { provider, keySlot: slot } = step.plan;
    const service = plan.accounts?.[provider] ?? provider;
    return { service, ...(slot !== undefined && services.has(service) && { slot }) };
  }

  /** What has to be recorded immediately: a filed request is not followed before its handle is recorded. */
  get toRecord(): SavedUser | undefined {
    return this.#mustRecord && this.#followsRequest ? this.#saved(undefined) : undefined;
  }

  /** @param times When the call was sent and when its response arrived: a look shows the state when it was sent. */
  respond(call: UserCall, given: CallResponse, { sentAtMs, nowMs }: { sentAtMs: number; nowMs: number }): void {
    this.#deferral = undefined;
    const response = this.#withLost(call, given);
    const atMs = call.definition.effect === 'read' ? sentAtMs : nowMs;
    const { current } = this.#state;
    if (!current) throw new Error(`A result of ${call.task} arrived after the last step.`);
    const after = current.responded(call, response, atMs);
    this.#items.get(call.step)?.note(current, response, after);
    if (current.entries) this.#entries.set(call.step, after.entries ?? []);
    this.#perhapsSent.responded(call, call.definition, response);
    this.#state = advanced(this.#state, after, atMs);
    if (this.#perhapsSent.any) this.#perhapsSent.settledBy(this.#state.done);
  }

  /**
   * Gives a call that may have been sent before the result unknown, as a task's own activity does, so that the step
   * looks first.
   */
  withhold(call: UserCall, nowMs: number): void {
    const { definition, input } = call;
    this.respond(
      call,
      { ok: false, failure: failureOf(outcomeUnknown(definition), definition, input) },
      { sentAtMs: nowMs, nowMs },
    );
  }

  /** Records that a hold forbids the call. */
  hold(call: UserCall, nowMs: number): void {
    const { definition, input } = call;
    this.respond(
      call,
      { ok: false, failure: failureOf(held(definition), definition, input) },
      { sentAtMs: nowMs, nowMs },
    );
  }

  /** What is absent after a call was lost was removed by that call, as far as the machine can know. */
  #withLost(call: UserCall, response: CallResponse): CallResponse {
    const step = this.#known.steps.find(call.step);
    const act = step && 'act' in step ? step.act : undefined;
    if (act?.name !== call.task || !this.#lostCalls.has(callKey(call))) return response;
    if (response.ok) return { ...response, perhapsDone: true };
    return saysAbsent(act, response) ? { ok: false, failure: { ...response.failure, perhapsDone: true } } : response;
  }

  /** Defers the call; it may have been carried out if the failure says so. */
  defer(call: UserCall, failure: TaskFailure): void {
    if (failure.perhapsDone) {
      this.#perhapsSent.lost(call, call.definition);
      this.#lostCalls.add(callKey(call));
    }
    this.#deferral = { step: call.step, task: call.definition.name, failure };
  }

  /** Returns the user as it is, to be tried again. */
  deferred(notBeforeMs: number, waitsFor?: string): DeferredUser {
    const { seq, round } = this.#user;
    const done = this.#perhapsSent.corrected(this.#state.done);
    const continues = this.#known.steps.continuesFor(this.#state.plan);
    return {
      kind: 'deferred',
      seq,
      round,
      receipts: deferredReceipts(this.#user, done.slice(this.#written), this.#deferral, this.#met, this.#known),
      notBefore: waitsFor === undefined ? new Date(notBeforeMs).toISOString() : WAITS_FOR_PERSON,
      unsettled: this.#perhapsSent.any || this.#followsRequest,
      ...((continues || this.#isRecorded) && {
        progress: { ...this.#saved(undefined), written: this.#state.done.length } satisfies SavedUser,
      }),
      ...(waitsFor !== undefined && { waitsFor }),
    };
  }

  /**
   * Returns the user as it is when the sweep ends. Steps that were not done are not reported as skipped if another step
   * was done, since the user would count as done otherwise (see docs/decisions/0021).
   */
  ended(reason: 'deadline' | 'cancelled'): SettledUser {
    const { held = false } = this.#user;
    const results = this.#perhapsSent.corrected(endEarly(this.#state, reason, { held }));
    const isPartlyDone = results.some(({ outcome }) => isGood(outcome));
    const ended = results.map((result): StepResult =>
      isPartlyDone && result.outcome === 'skipped' && result.reason === reason
        ? { ...result, outcome: 'failed' }
        : result,
    );
    return this.#settledWith(ended, []);
  }

  /** A filed request may remove the user although a hold forbids the rest. */
  get #followsRequest(): boolean {
    const { current } = this.#state;
    const step = current && this.#known.steps.find(current.name);
    return step?.kind === 'request' && current?.saved()?.handle !== undefined;
  }

  #saved(intent: CallMove | undefined): SavedUser {
    const items = [...this.#items].flatMap(([step, own]) => (own.saved ? [[step, own.saved] as const] : []));
    return {
      version: 1,
      run: saveConverging(this.#state),
      items: Object.fromEntries(items),
      ...(this.#entries.size > 0 && { entries: Object.fromEntries(this.#entries) }),
      doubt: this.#perhapsSent.saved,
      written: this.#written,
      queued: this.#queued,
      ...(intent && { intent: { step: intent.step, task: intent.task } }),
    };
  }

  /** What the calls have met. */
  get #met(): Met {
    return { items: this.#items, entries: this.#entries };
  }

  #settled(): SettledUser {
    return this.#settledWith(this.#perhapsSent.corrected(this.#state.done), this.#queued);
  }

  #settledWith(done: readonly StepResult[], bulkApps: readonly string[]): SettledUser {
    const { seq, round } = this.#user;
    const receipts = receiptsOf(this.#user, done, this.#met, this.#known);
    return { kind: 'settled', seq, round, receipts, bulkApps, ...(this.#isRecorded && { hadProgress: true }) };
  }
}

function callKey({ step, task, input }: CallMove): string {
  return JSON.stringify([step, task, input]);
}
