import { outcomeUnknown, held } from '../../http/to-failure';
import type { SubjectHistory } from '../../ledger/ledger';
import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import { answered, beginConverging, next } from '../../policy/converge';
import type { CallAnswer, CallMove, ConvergeState } from '../../policy/converge';
import type { StepResult } from '../../policy/offboard-result';
import { LAG_MS, maybeDone } from '../../policy/steps/step';
import { Catalogue, plaid } from '../../tasks/catalogue';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkRun } from './chunk-run';
import { pause } from './pause';
import { planFor } from './plan-user';
import { failureOf, sendCall } from './send-call';
import { UserItems } from './user-items';
import { deferredReceipts, receiptsOf } from './user-receipts';

const catalogue = new Catalogue();

/** A user who has to wait longer gives the place to another; long enough for a lost answer to be settled by looking. */
const LONGEST_WAIT_MS = 5_000;

/** A machine that begins anew in each round never polls a lagging list to its end: from this round on it may wait. */
const PATIENT_FROM_ROUND = 3;
const LONGEST_PATIENT_WAIT_MS = 15_000;

const LONGEST_BACKOFF_MS = 600_000;

const IRREVERSIBLE: readonly string[] = [plaid.userItemsRemove.name, plaid.userRemove.name];

/** Drives the one machine for one user, from the wave's intent to an outcome that can be flushed. */
export class UserRun {
  readonly #run: ChunkRun;
  readonly #user: OpenUser;
  readonly #items = new UserItems();
  /** Irreversible tasks whose last sending may have been carried out without an answer. */
  readonly #unsettled: Set<string>;
  /** Those of them that an earlier attempt may have sent, and this one has not told its machine of. */
  readonly #inherited: Set<string>;
  #state: ConvergeState;
  #refusals = 0;
  #obstacle: { step: string; task: string; failure: TaskFailure } | undefined;
  #held = false;

  constructor(run: ChunkRun, user: OpenUser, history: SubjectHistory) {
    this.#run = run;
    this.#user = user;
    this.#unsettled = new Set(user.unsettled ? IRREVERSIBLE : []);
    this.#inherited = new Set(this.#unsettled);
    this.#state = beginConverging(planFor(user, history, run.input.plan, run.known));
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
      const delayMs = move.kind === 'call' ? await this.#call(move) : move.kind === 'wait' ? move.delayMs : 0;
      if (delayMs === undefined) continue;
      if (delayMs > this.#longestWaitMs) return this.#deferred(delayMs);
      await pause(delayMs, this.#run.stopped);
      // The wave's intent was checked against the holds before the wait.
      this.#held ||= !this.#run.stopped.aborted && (await this.#run.ledger.isHeld(this.#user.subjects));
    }
  }

  /** Without keys the machine would have no step for Batch, and nobody would notice that it was left out. */
  get #cannotReachBatch(): boolean {
    const { batchMode, batchUserId } = this.#state.plan;
    return batchMode !== 'skip' && batchUserId !== undefined && !this.#run.known.services.has('batch');
  }

  get #longestWaitMs(): number {
    return this.#user.round < PATIENT_FROM_ROUND ? LONGEST_WAIT_MS : LONGEST_PATIENT_WAIT_MS;
  }

  /** Makes a call, or answers in its place; answers how long to wait before the same call is tried again, if it is. */
  async #call(move: CallMove): Promise<number | undefined> {
    const task = catalogue.find(move.task) as HttpTask;
    const withheld = this.#withheld(task, move);
    if (withheld) {
      this.#answer(move, task, withheld);
      return undefined;
    }
    const end = await sendCall(this.#run, task, move.input);
    switch (end.kind) {
      case 'answered':
        this.#answer(move, task, end.answer);
        return undefined;
      case 'later':
        this.#obstacle = { step: move.step, task: task.name, failure: end.failure };
        this.#refusals += 1;
        return end.delayMs ?? Math.min(1_000 * 2 ** (this.#refusals - 1 + this.#user.round), LONGEST_BACKOFF_MS);
      case 'stopped':
        return 0;
    }
  }

  /**
   * The answer to a call that must not be sent. For a user of whom an earlier attempt left an intent without an outcome
   * that is the same answer as a task's own activity gives: the outcome is unknown, so the machine looks and waits first.
   */
  #withheld(task: HttpTask, { input }: CallMove): CallAnswer | undefined {
    if (this.#held) return { ok: false, failure: failureOf(held(task), task, input) };
    return this.#inherited.has(task.name) ? { ok: false, failure: failureOf(outcomeUnknown(task), task, input) } : undefined;
  }

  #answer(move: CallMove, task: HttpTask, answer: CallAnswer): void {
    this.#refusals = 0;
    this.#obstacle = undefined;
    this.#items.note(task, move.input, answer);
    if (task.effect === 'irreversible') {
      this.#inherited.delete(task.name);
      if (!answer.ok && maybeDone(answer.failure)) this.#unsettled.add(task.name);
    }
    this.#state = answered(this.#state, move, answer, Date.now());
    // A step that has ended has settled what was lost on its way.
    for (const name of this.#unsettled) if (isSettled(name, this.#state.done)) this.#unsettled.delete(name);
  }

  #settled(bulkApps: readonly string[]): SettledUser {
    const { seq, round } = this.#user;
    const receipts = receiptsOf(this.#user, this.#state.done, this.#items, this.#run.known);
    return { kind: 'settled', seq, round, receipts, bulkApps };
  }

  #deferred(delayMs: number): DeferredUser {
    const { seq, round } = this.#user;
    const { mayLag } = this.#items;
    // The next round's machine does not know what was answered: it must not meet a list that still lags.
    const waitMs = mayLag ? Math.max(delayMs, LAG_MS) : delayMs;
    return {
      kind: 'deferred',
      seq,
      round,
      receipts: deferredReceipts(this.#user, this.#state.done, this.#obstacle, this.#items, this.#run.known),
      notBefore: new Date(Date.now() + waitMs).toISOString(),
      unsettled: mayLag || this.#unsettled.size > 0,
    };
  }
}

function isSettled(task: string, done: readonly StepResult[]): boolean {
  const results = done.filter((result) => result.task === task);
  return results.length > 0 && results.every(({ outcome }) => outcome !== 'unknown');
}

function isBatch({ step }: CallMove): boolean {
  return step.startsWith('batch.');
}
