import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import type { ChunkRun } from './chunk-run';
import { HoldWatch } from './hold-watch';
import { pause } from './pause';
import type { UserHistory } from './plan-user';
import { sendCall } from './send-call';
import { UserMachine } from './user-machine';
import type { SavedUser, UserCall } from './user-machine';

/**
 * Maximum time that a waiting user occupies a place, in milliseconds; long enough to resolve a lost response by
 * looking.
 */
const LONGEST_WAIT_MS = 5_000;

/**
 * Number of the round from which on a user may wait longer: a machine that starts over in each round never polls a
 * lagging list to its end.
 */
const PATIENT_FROM_ROUND = 3;
const LONGEST_PATIENT_WAIT_MS = 15_000;

/** Maximum number of consecutive deferrals of a call before it is left to a later round. */
const MOST_TRIES = 5;
const LONGEST_BACKOFF_MS = 600_000;

/** Drives one user, from the wave's intent to an outcome that can be flushed: makes the calls, and waits. */
export class UserRun {
  readonly #run: ChunkRun;
  readonly #user: OpenUser;
  readonly #machine: UserMachine;
  readonly #holds: HoldWatch;
  /** Number of consecutive deferrals of the next call. */
  #tries = 0;

  /** @param askedAtMs The reading of `performance.now()` at which the ledger was asked for the user. */
  constructor(run: ChunkRun, user: OpenUser, history: UserHistory, askedAtMs: number) {
    this.#run = run;
    this.#user = user;
    const { sweepId, plan } = run.input;
    this.#machine = new UserMachine(user, history, { sweepId, plan, steps: run.steps }, run.dependencies);
    this.#holds = new HoldWatch(run.ledger, user.subjects, askedAtMs, user.held);
  }

  /** @throws SweepFencedError, or LedgerUnavailableError some seconds after the chunk was cancelled. */
  async drive(): Promise<SettledUser | DeferredUser> {
    const { unreachable } = this.#machine;
    if (unreachable) {
      this.#run.stopUnauthorized(unreachable);
      return this.#machine.deferred(Date.now());
    }
    for (;;) {
      const move = this.#machine.next(Date.now());
      if (move.kind === 'settled') return move.user;
      if (move.kind === 'person') return this.#machine.deferred(Date.now(), move.step);
      if (move.kind === 'unknownTask') {
        this.#run.stopUnauthorized({ service: move.service });
        return this.#machine.deferred(Date.now());
      }
      if (this.#run.stopped.aborted) return this.#machine.deferred(Date.now());
      const waitMs = move.kind === 'call' ? await this.#call(move.call) : move.delayMs;
      if (waitMs === undefined) continue;
      if (this.#isTooLong(waitMs)) return this.#machine.deferred(togetherAt(Date.now(), waitMs));
      await pause(waitMs, this.#run.stopped);
    }
  }

  #isTooLong(waitMs: number): boolean {
    if (this.#machine.isHindered && (this.#tries >= MOST_TRIES || this.#run.isLate)) return true;
    return waitMs > (this.#user.round < PATIENT_FROM_ROUND ? LONGEST_WAIT_MS : LONGEST_PATIENT_WAIT_MS);
  }

  /** Makes a call, or gives its result without one; returns how long to wait before it is made again, if it is. */
  async #call(call: UserCall): Promise<number | undefined> {
    if (call.perhapsSent) {
      // Not while the earlier attempt may still send: the state may change just after it was read.
      const waitMs = this.#run.ledger.othersMaySendUntilMs - performance.now();
      if (waitMs > 0) return waitMs;
      this.#machine.withhold(call, Date.now());
      return undefined;
    }
    const record = call.toRecord && (() => this.#record(call.toRecord));
    const end = await sendCall(this.#run, call.definition, call.input, this.#holds, record);
    if (end.kind === 'stopped') return 0;
    if (end.kind === 'later') {
      this.#machine.putOff(call, end.failure);
      this.#tries += 1;
      return end.delayMs ?? Math.min(1_000 * 2 ** (this.#tries - 1 + this.#user.round), LONGEST_BACKOFF_MS);
    }
    this.#tries = 0;
    if (end.kind === 'held') this.#machine.hold(call, Date.now());
    else this.#machine.answer(call, end.answer, { sentAtMs: end.sentAtMs, nowMs: Date.now() });
    await this.#record(this.#machine.toRecord);
    return undefined;
  }

  async #record(progress: SavedUser | undefined): Promise<void> {
    if (!progress) return;
    const { seq, round } = this.#user;
    await this.#run.records.write({ seq, round, progress });
    this.#machine.recorded(progress);
  }
}

/** Waits longer than this end together, in milliseconds. */
const LONG_WAIT_MS = 30_000;

/**
 * Returns when a wait ends: users with a long wait are tried together, up to a quarter of the wait later, instead of
 * each in a round of its own.
 */
function togetherAt(nowMs: number, waitMs: number): number {
  if (waitMs <= LONG_WAIT_MS) return nowMs + waitMs;
  const stepMs = 2 ** Math.floor(Math.log2(waitMs / 4));
  return Math.ceil((nowMs + waitMs) / stepMs) * stepMs;
}
