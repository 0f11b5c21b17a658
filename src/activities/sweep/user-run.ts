import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { keySlotOf } from '../../http/prepare-request';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { DeferredUser, OpenUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import type { CallResponse, CallMove } from '../../policy/converge';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import { delayIn, failureOf } from '../refusals';
import type { ChunkRun, FencedLedger } from './chunk-run';
import type { UserHistory } from './plan-user';
import type { Admission, KeySlot } from './process-limits';
import { pause } from './sweep-work';
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
  readonly #holds: HoldCheck;
  /** Number of consecutive deferrals of the next call. */
  #tries = 0;

  /** @param requestedAtMs The reading of `performance.now()` at which the ledger was queried for the user. */
  constructor(run: ChunkRun, user: OpenUser, history: UserHistory, requestedAtMs: number) {
    this.#run = run;
    this.#user = user;
    const { sweepId, plan } = run.input;
    this.#machine = new UserMachine(user, history, { sweepId, plan, steps: run.steps }, run.dependencies);
    this.#holds = new HoldCheck(run.ledger, user.subjects, requestedAtMs, user.held);
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
    if (this.#machine.isDeferred && (this.#tries >= MOST_TRIES || this.#run.isLate)) return true;
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
      this.#machine.defer(call, end.failure);
      this.#tries += 1;
      return end.delayMs ?? Math.min(1_000 * 2 ** (this.#tries - 1 + this.#user.round), LONGEST_BACKOFF_MS);
    }
    this.#tries = 0;
    if (end.kind === 'held') this.#machine.hold(call, Date.now());
    else this.#machine.respond(call, end.response, { sentAtMs: end.sentAtMs, nowMs: Date.now() });
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

/** The end of a call that a machine requested. */
type CallEnd =
  /** The machine continues with it; sent not before this time, in milliseconds since 1970. */
  | { kind: 'responded'; response: CallResponse; sentAtMs: number }
  /** It may be tried again, after `delayMs` if the provider gave it. */
  | { kind: 'later'; failure: TaskFailure; delayMs?: number }
  /** A hold forbids it; nothing was sent. */
  | { kind: 'held' }
  /** The chunk has to stop; nothing was sent, or it was a read. */
  | { kind: 'stopped' };

/**
 * Maximum time between taking a call out of the rate and making it, in milliseconds; short enough that no minute has
 * more calls because of it.
 */
const TOKEN_KEPT_MS = 250;

/** Pause between attempts to get a call from an unavailable ledger, in milliseconds. */
const RETRY_MS = 250;

/**
 * Sends one call under the wave's intent: through its key's gate, within the rate, unless the user is on hold, and only
 * while the fence is confirmed.
 *
 * @param record Records what has to be known of the call before it is sent.
 */
export async function sendCall(
  run: ChunkRun,
  task: HttpTask,
  input: CallMove['input'],
  holds: HoldCheck,
  record?: () => Promise<void>,
): Promise<CallEnd> {
  const slot = slotFor(run, task, input);
  run.slots.add(slot);
  const entering = slot.enter(run.beganAtMs);
  const admission = typeof entering === 'string' ? entering : await entering;
  if (admission === 'refused') {
    run.stopUnauthorized(slot.key);
    return { kind: 'stopped' };
  }
  let accepted: boolean | undefined;
  try {
    const forbidden = await whatForbids(run, task, { slot, admission, holds });
    if (forbidden) return { kind: forbidden };
    // Immediately before sending: a process that dies while the call waits for its turn leaves nothing in doubt.
    await record?.();
    if (record && run.stopped.aborted) return { kind: 'stopped' };
    const end = await exchange(run, task, input, slot);
    accepted = end.accepted;
    if (accepted === false) run.stopUnauthorized(slot.key);
    return end.end;
  } finally {
    slot.leave(admission, accepted);
  }
}

/** Returns the gate of the key that the call uses. */
function slotFor({ dependencies: { limits, services } }: ChunkRun, task: HttpTask, input: CallMove['input']): KeySlot {
  const { name } = task.service;
  return limits.keySlot(name, keySlotOf(task, input, services.get(name) ?? { keySlots: [] }));
}

/** Returns the budget from which its calls are taken. */
function budgetOf({ key: { service, slot = '' } }: KeySlot): { service: string; keySlot: string } {
  return { service, keySlot: slot };
}

/**
 * Returns what forbids an admitted call; undefined when it may be sent immediately. After any wait, for a token or the
 * ledger, all checks are repeated, since their results are too old.
 */
async function whatForbids(
  run: ChunkRun,
  task: HttpTask,
  { slot, admission, holds }: { slot: KeySlot; admission: Admission; holds: HoldCheck },
): Promise<'held' | 'stopped' | undefined> {
  let takenAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    // At a low rate, waiting for another token would make the other checks too old again.
    if (performance.now() > takenAtMs + TOKEN_KEPT_MS) {
      await paceDryRun(run);
      await takeToken(run, slot);
      takenAtMs = performance.now();
    }
    const forbidden = task.effect !== 'read' && !holds.isClear ? await holds.whatForbids() : undefined;
    if (forbidden === 'stopped') run.stopStopped();
    if (forbidden !== undefined) return forbidden;
    if (run.stopped.aborted || (admission === 'call' && slot.refuses(run.beganAtMs))) return 'stopped';
    if (performance.now() <= run.ledger.sendableUntilMs) return undefined;
    await run.ledger.confirm();
  }
}

async function paceDryRun({ dependencies: { budgets }, input: { sweepId, plan }, stopped }: ChunkRun): Promise<void> {
  if (plan.dryRunRate !== undefined) await budgets.paceDryRun({ sweepId, callsPerMinute: plan.dryRunRate }, stopped);
}

/**
 * Takes one call out of the rate that all processes share; returns without one only when the chunk has to stop. First
 * keeps the sweep's own rate in force, since it lapses while the ledger is unavailable.
 */
async function takeToken(
  { dependencies: { budgets }, input: { sweepId }, stopped }: ChunkRun,
  slot: KeySlot,
): Promise<void> {
  const key = budgetOf(slot);
  while (!stopped.aborted && !budgets.tryAdmit(key, 'sweep')) {
    try {
      await budgets.keepRatesOf(sweepId);
      if (await slot.backlog.wait(() => budgets.admit(key, 'sweep', stopped))) return;
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Makes one exchange with the provider, and notes whether it shows that the key is accepted or refused. */
async function exchange(
  run: ChunkRun,
  task: HttpTask,
  input: CallMove['input'],
  slot: KeySlot,
): Promise<{ end: CallEnd; accepted?: boolean }> {
  const key = budgetOf(slot);
  const { budgets, sender } = run.dependencies;
  const sentAtMs = Date.now();
  try {
    const { sendableUntilMs: notSentAfterMs } = run.ledger;
    const { output, status, requestId, token } = await sender.send(task, input, {
      signal: run.stopped,
      notSentAfterMs,
    });
    budgets.responded(key, { refused: false });
    return {
      end: { kind: 'responded', response: { ok: true, output, attempt: 1, status, requestId, token }, sentAtMs },
      accepted: true,
    };
  } catch (error) {
    if (error instanceof CancelledFailure) return { end: { kind: 'stopped' } };
    const failure = failureOf(error, task, input);
    const delayMs = delayIn(error);
    const wait = delayMs === undefined ? {} : { retryAfterMs: delayMs };
    if (failure.type === 'Task.RateLimited') budgets.responded(key, { refused: true, caller: 'sweep', ...wait });
    if (failure.type === 'Task.Unauthorized') return { end: { kind: 'stopped' }, accepted: false };
    if (failure.type === 'Task.RateLimited' || failure.type === 'Task.Unavailable') {
      return { end: { kind: 'later', failure, ...(delayMs !== undefined && { delayMs }) } };
    }
    // A refusal for another reason shows that the provider knows the key.
    const accepted = failure.type === 'Task.Rejected' || undefined;
    if (accepted) budgets.responded(key, { refused: false });
    return { end: { kind: 'responded', response: { ok: false, failure }, sentAtMs }, ...(accepted && { accepted }) };
  }
}

/**
 * How long the ledger's information that a user is not on hold is valid, in milliseconds. Most waves are done sooner.
 */
const CLEAR_FOR_MS = 1_000;

/**
 * Checks whether one user is on hold by now, or everything is stopped. The wave's intent was recorded only because
 * there was no hold, unless the user is flagged as held; a call that is made later, after a wait or in the queue of a slow
 * provider, needs a new check.
 */
export class HoldCheck {
  #clearAtMs: number;
  #forbidden: 'held' | 'stopped' | undefined;

  /**
   * @param clearAtMs The reading of `performance.now()` at which the ledger was queried for the wave.
   * @param isHeld Whether the ledger reported then that the user is on hold.
   */
  constructor(
    private readonly ledger: FencedLedger,
    private readonly subjects: readonly string[],
    clearAtMs: number,
    isHeld = false,
  ) {
    this.#clearAtMs = clearAtMs;
    if (isHeld) this.#forbidden = 'held';
  }

  /** Whether the ledger has just confirmed that nothing forbids a call, so that no request is needed. */
  get isClear(): boolean {
    return this.#forbidden === undefined && performance.now() <= this.#clearAtMs + CLEAR_FOR_MS;
  }

  /** Returns the hold on the user, or the stop of everything; undefined when a call may be sent. */
  async whatForbids(): Promise<'held' | 'stopped' | undefined> {
    if (this.#forbidden !== undefined || this.isClear) return this.#forbidden;
    const requestedAtMs = performance.now();
    this.#forbidden = await this.ledger.forbids(this.subjects);
    this.#clearAtMs = requestedAtMs;
    return this.#forbidden;
  }
}
