import { held, outcomeUnknown } from '../../http/to-failure';
import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import { answered, beginConverging, next } from '../../policy/converge';
import type { CallAnswer, CallMove, ConvergeState } from '../../policy/converge';
import type { CompiledPlan } from '../../policy/providers/compiled-plan';
import type { PlannedStep } from '../../policy/providers/step-plan';
import { Catalogue } from '../../tasks/catalogue';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkDependencies } from './chunk-dependencies';
import type { ChunkPlan } from './contract';
import { failureOf } from './failure-of';
import { PerhapsSent } from './perhaps-sent';
import { planFor } from './plan-user';
import type { UserHistory } from './plan-user';
import { UserItems } from './user-items';
import { deferredReceipts, receiptsOf } from './user-receipts';
import type { Obstacle } from './user-receipts';

const catalogue = new Catalogue();

/** A call to make now, with its task. */
export interface UserCall extends CallMove {
  definition: HttpTask;
  /** An earlier attempt may have sent it: it must be answered by `withhold`, and not by the provider. */
  perhapsSent: boolean;
}

/** What to do next for one user of a chunk. */
export type UserMove =
  { kind: 'call'; call: UserCall } | { kind: 'wait'; delayMs: number } | { kind: 'settled'; user: SettledUser };

/**
 * The one machine of off-boarding for one user of a chunk, with what is special there: it begins anew in each attempt, so
 * that it is told what earlier ones did or may have done; and it ends before Batch, whose deletions are done in bulk.
 *
 * It decides and does nothing: time comes in as milliseconds since 1970, and calls are made by `UserRun`.
 */
export class UserMachine {
  readonly #user: OpenUser;
  readonly #known: Pick<ChunkDependencies, 'hasher' | 'services'>;
  readonly #items = new UserItems();
  readonly #perhapsSent: PerhapsSent;
  readonly #plan: ChunkPlan;
  #state: ConvergeState;
  #obstacle: Obstacle | undefined;

  constructor(
    user: OpenUser,
    history: UserHistory,
    { plan, steps }: { plan: ChunkPlan; steps: CompiledPlan },
    known: Pick<ChunkDependencies, 'hasher' | 'services'>,
  ) {
    this.#user = user;
    this.#known = known;
    this.#plan = plan;
    const begun = planFor(user, history, { plan, steps }, known);
    this.#perhapsSent = new PerhapsSent(user.unsettled, begun);
    this.#state = beginConverging(begun);
  }

  /** Without keys the machine would have no step for Batch, and nobody would notice that it was left out. */
  get cannotReachBatch(): boolean {
    const { batchUserId } = this.#user.user;
    return this.#plan.batchMode !== 'skip' && batchUserId !== undefined && !this.#known.services.has('batch');
  }

  /** The next call was put off. */
  get isHindered(): boolean {
    return this.#obstacle !== undefined;
  }

  next(nowMs: number): UserMove {
    const move = next(this.#state, nowMs);
    if (move.kind === 'done') return { kind: 'settled', user: this.#settled([]) };
    if (move.kind === 'wait') return move;
    if (move.kind === 'manual') throw new Error(`${move.step} waits for a person, which a chunk cannot.`);
    const bulk = this.#bulkSteps;
    if (bulk.some(({ step }) => step === move.step))
      return { kind: 'settled', user: this.#settled(bulk.map(({ keySlot = '' }) => keySlot)) };
    const definition = catalogue.find(move.task);
    if (!definition) throw new Error(`There is no task ${move.task}.`);
    return { kind: 'call', call: { ...move, definition, perhapsSent: this.#perhapsSent.forbids(definition) } };
  }

  /** The steps that are done for many users in one call; the last ones of the plan. */
  get #bulkSteps(): readonly PlannedStep[] {
    return this.#state.plan.plan.plan.steps.filter((step) => step.kind === 'once' && step.bulk);
  }

  /** @param times When the call was sent and when it was answered: a look tells how things stood when it was sent. */
  answer(call: UserCall, answer: CallAnswer, { sentAtMs, nowMs }: { sentAtMs: number; nowMs: number }): void {
    this.#obstacle = undefined;
    this.#items.note(call, answer);
    this.#perhapsSent.answered(call.definition, answer);
    this.#state = answered(this.#state, call, answer, call.definition.effect === 'read' ? sentAtMs : nowMs);
    if (this.#perhapsSent.any) this.#perhapsSent.settledBy(this.#state.done);
  }

  /** Answers a call that was perhaps sent before, as a task's own activity does: the outcome is unknown. So it looks first. */
  withhold(call: UserCall, nowMs: number): void {
    const { definition, input } = call;
    this.answer(
      call,
      { ok: false, failure: failureOf(outcomeUnknown(definition), definition, input) },
      { sentAtMs: nowMs, nowMs },
    );
  }

  /** A hold forbids the call. */
  hold(call: UserCall, nowMs: number): void {
    const { definition, input } = call;
    this.answer(
      call,
      { ok: false, failure: failureOf(held(definition), definition, input) },
      { sentAtMs: nowMs, nowMs },
    );
  }

  /** The call has to be made again later; it may have been carried out if the failure says so. */
  putOff({ step, definition }: UserCall, failure: TaskFailure): void {
    if (failure.perhapsDone) this.#perhapsSent.lost(definition);
    this.#obstacle = { step, task: definition.name, failure };
  }

  /** The user as it stands, to be tried again. */
  deferred(notBeforeMs: number): DeferredUser {
    const { seq, round } = this.#user;
    const done = this.#perhapsSent.corrected(this.#state.done);
    return {
      kind: 'deferred',
      seq,
      round,
      receipts: deferredReceipts(this.#user, done, this.#obstacle, this.#items, this.#known),
      notBefore: new Date(notBeforeMs).toISOString(),
      unsettled: this.#perhapsSent.any,
    };
  }

  #settled(bulkApps: readonly string[]): SettledUser {
    const { seq, round } = this.#user;
    const done = this.#perhapsSent.corrected(this.#state.done);
    return { kind: 'settled', seq, round, receipts: receiptsOf(this.#user, done, this.#items, this.#known), bulkApps };
  }
}
