import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import type { ChunkRun } from './chunk-run';
import { HoldWatch } from './hold-watch';
import { pause } from './pause';
import type { UserHistory } from './plan-user';
import { sendCall } from './send-call';
import { UserMachine } from './user-machine';
import type { UserCall } from './user-machine';

/** A user who has to wait longer gives the place to another; long enough for a lost answer to be settled by looking. */
const LONGEST_WAIT_MS = 5_000;

/** A machine that begins anew in each round never polls a lagging list to its end: from this round on it may wait. */
const PATIENT_FROM_ROUND = 3;
const LONGEST_PATIENT_WAIT_MS = 15_000;

/** A call that was put off so often in a row is tried again in a later round. */
const MOST_TRIES = 5;
const LONGEST_BACKOFF_MS = 600_000;

/** Drives one user, from the wave's intent to an outcome that can be flushed: makes the calls, and waits. */
export class UserRun {
  readonly #run: ChunkRun;
  readonly #round: number;
  readonly #machine: UserMachine;
  readonly #holds: HoldWatch;
  /** How often in a row the next call was put off. */
  #tries = 0;

  /** @param askedAtMs The reading of `performance.now()` at which the ledger was asked for the user. */
  constructor(run: ChunkRun, user: OpenUser, history: UserHistory, askedAtMs: number) {
    this.#run = run;
    this.#round = user.round;
    this.#machine = new UserMachine(user, history, { plan: run.input.plan, steps: run.steps }, run.dependencies);
    this.#holds = new HoldWatch(run.ledger, user.subjects, askedAtMs);
  }

  /** @throws SweepFencedError, or LedgerUnavailableError some seconds after the chunk was told to stop. */
  async drive(): Promise<SettledUser | DeferredUser> {
    if (this.#machine.cannotReachBatch) {
      this.#run.stopUnauthorized({ service: 'batch' });
      return this.#machine.deferred(Date.now());
    }
    for (;;) {
      const move = this.#machine.next(Date.now());
      if (move.kind === 'settled') return move.user;
      if (this.#run.stopped.aborted) return this.#machine.deferred(Date.now());
      const waitMs = move.kind === 'call' ? await this.#call(move.call) : move.delayMs;
      if (waitMs === undefined) continue;
      if (this.#isTooLong(waitMs)) return this.#machine.deferred(Date.now() + waitMs);
      await pause(waitMs, this.#run.stopped);
    }
  }

  #isTooLong(waitMs: number): boolean {
    if (this.#machine.isHindered && (this.#tries >= MOST_TRIES || this.#run.isLate)) return true;
    return waitMs > (this.#round < PATIENT_FROM_ROUND ? LONGEST_WAIT_MS : LONGEST_PATIENT_WAIT_MS);
  }

  /** Makes a call, or answers in its place; answers how long to wait before it is asked for again, if it is. */
  async #call(call: UserCall): Promise<number | undefined> {
    if (call.perhapsSent) {
      // Not while the earlier attempt may still send: what is seen then may change a moment later.
      const waitMs = this.#run.ledger.othersMaySendUntilMs - performance.now();
      if (waitMs > 0) return waitMs;
      this.#machine.withhold(call, Date.now());
      return undefined;
    }
    const end = await sendCall(this.#run, call.definition, call.input, this.#holds);
    if (end.kind === 'stopped') return 0;
    if (end.kind === 'later') {
      this.#machine.putOff(call, end.failure);
      this.#tries += 1;
      return end.delayMs ?? Math.min(1_000 * 2 ** (this.#tries - 1 + this.#round), LONGEST_BACKOFF_MS);
    }
    this.#tries = 0;
    if (end.kind === 'held') this.#machine.hold(call, Date.now());
    else this.#machine.answer(call, end.answer, { sentAtMs: end.sentAtMs, nowMs: Date.now() });
    return undefined;
  }
}
