import { held, outcomeUnknown } from '../../http/to-failure';
import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import { answered, beginConverging, next } from '../../policy/converge';
import type { CallAnswer, CallMove, ConvergeState } from '../../policy/converge';
import { Catalogue } from '../../tasks/catalogue';
import type { HttpTask } from '../../tasks/define';
import type { ChunkRun } from './chunk-run';
import { HoldWatch } from './hold-watch';
import { pause } from './pause';
import { PerhapsSent } from './perhaps-sent';
import { planFor } from './plan-user';
import type { UserHistory } from './plan-user';
import { failureOf, sendCall } from './send-call';
import { UserItems } from './user-items';
import { deferredReceipts, receiptsOf } from './user-receipts';
import type { Obstacle } from './user-receipts';

const catalogue = new Catalogue();

/** A user who has to wait longer gives the place to another; long enough for a lost answer to be settled by looking. */
const LONGEST_WAIT_MS = 5_000;

/** A machine that begins anew in each round never polls a lagging list to its end: from this round on it may wait. */
const PATIENT_FROM_ROUND = 3;
const LONGEST_PATIENT_WAIT_MS = 15_000;

/** A call that was put off so often in a row is tried again in a later round. */
const MOST_TRIES = 5;
const LONGEST_BACKOFF_MS = 600_000;

/** Drives the one machine for one user, from the wave's intent to an outcome that can be flushed. */
export class UserRun {
  readonly #run: ChunkRun;
  readonly #user: OpenUser;
  readonly #items = new UserItems();
  readonly #perhapsSent: PerhapsSent;
  readonly #holds: HoldWatch;
  #state: ConvergeState;
  /** How often in a row the next call was put off, and why. */
  #tries = 0;
  #obstacle: Obstacle | undefined;

  /** @param askedAtMs The reading of `performance.now()` at which the ledger was asked for the user. */
  constructor(run: ChunkRun, user: OpenUser, history: UserHistory, askedAtMs: number) {
    this.#run = run;
    this.#user = user;
    const plan = planFor(user, history, run.input.plan, run.dependencies);
    this.#state = beginConverging(plan);
    this.#perhapsSent = new PerhapsSent(user.unsettled, plan);
    this.#holds = new HoldWatch(run.ledger, user.subjects, askedAtMs);
  }

  /** @throws SweepFencedError, or LedgerUnavailableError some seconds after the chunk was told to stop. */
  async drive(): Promise<SettledUser | DeferredUser> {
    if (this.#cannotReachBatch) this.#run.stopUnauthorized({ service: 'batch' });
    for (;;) {
      const move = next(this.#state, Date.now());
      if (move.kind === 'done' && !this.#cannotReachBatch) return this.#settled([]);
      // Deletions at Batch are done in bulk, for all users of the sweep together.
      if (move.kind === 'call' && isBatch(move)) return this.#settled(this.#state.plan.batchApps);
      if (this.#run.stopped.aborted) return this.#deferred(0);
      const waitMs = move.kind === 'call' ? await this.#call(move) : move.kind === 'wait' ? move.delayMs : 0;
      if (waitMs === undefined) continue;
      if (this.#isTooLong(waitMs)) return this.#deferred(waitMs);
      await pause(waitMs, this.#run.stopped);
    }
  }

  /** Without keys the machine would have no step for Batch, and nobody would notice that it was left out. */
  get #cannotReachBatch(): boolean {
    const { batchMode, batchUserId } = this.#state.plan;
    return batchMode !== 'skip' && batchUserId !== undefined && !this.#run.dependencies.services.has('batch');
  }

  #isTooLong(waitMs: number): boolean {
    if (this.#obstacle && (this.#tries >= MOST_TRIES || this.#run.isLate)) return true;
    return waitMs > (this.#user.round < PATIENT_FROM_ROUND ? LONGEST_WAIT_MS : LONGEST_PATIENT_WAIT_MS);
  }

  /** Makes a call, or answers in its place; answers how long to wait before it is asked for again, if it is. */
  async #call(move: CallMove): Promise<number | undefined> {
    const task = catalogue.find(move.task) as HttpTask;
    if (this.#perhapsSent.forbids(task)) return this.#withhold(move, task);
    const end = await sendCall(this.#run, task, move.input, this.#holds);
    switch (end.kind) {
      case 'answered':
        this.#answer(move, task, end.answer);
        return undefined;
      case 'held':
        this.#answer(move, task, { ok: false, failure: failureOf(held(task), task, move.input) });
        return undefined;
      case 'later':
        if (end.failure.perhapsDone) this.#perhapsSent.lost(task);
        this.#obstacle = { step: move.step, task: task.name, failure: end.failure };
        this.#tries += 1;
        return end.delayMs ?? Math.min(1_000 * 2 ** (this.#tries - 1 + this.#user.round), LONGEST_BACKOFF_MS);
      case 'stopped':
        return 0;
    }
  }

  /**
   * An irreversible call that an earlier attempt may have sent is not sent before the machine has looked. It is given the
   * answer that a task's own activity gives then, the outcome is unknown; but not while that attempt may still send.
   */
  #withhold(move: CallMove, task: HttpTask): number | undefined {
    const waitMs = this.#run.ledger.othersMaySendUntilMs - performance.now();
    if (waitMs > 0) return waitMs;
    this.#answer(move, task, { ok: false, failure: failureOf(outcomeUnknown(task), task, move.input) });
    return undefined;
  }

  #answer(move: CallMove, task: HttpTask, answer: CallAnswer): void {
    this.#tries = 0;
    this.#obstacle = undefined;
    this.#items.note(move, answer);
    this.#perhapsSent.answered(task, answer);
    this.#state = answered(this.#state, move, answer, Date.now());
    if (this.#perhapsSent.any) this.#perhapsSent.settledBy(this.#state.done);
  }

  #settled(bulkApps: readonly string[]): SettledUser {
    const { seq, round } = this.#user;
    const done = this.#perhapsSent.corrected(this.#state.done);
    return { kind: 'settled', seq, round, receipts: receiptsOf(this.#user, done, this.#items, this.#run.dependencies), bulkApps };
  }

  #deferred(waitMs: number): DeferredUser {
    const { seq, round } = this.#user;
    const done = this.#perhapsSent.corrected(this.#state.done);
    return {
      kind: 'deferred',
      seq,
      round,
      receipts: deferredReceipts(this.#user, done, this.#obstacle, this.#items, this.#run.dependencies),
      notBefore: new Date(Date.now() + waitMs).toISOString(),
      unsettled: this.#perhapsSent.any,
    };
  }
}

function isBatch({ step }: CallMove): boolean {
  return step.startsWith('batch.');
}
