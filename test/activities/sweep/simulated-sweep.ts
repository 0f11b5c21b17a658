import { UserMachine } from 'temporal-http-tasks/internal/activities/sweep/user-machine';
import type { UserCall } from 'temporal-http-tasks/internal/activities/sweep/user-machine';
import type { ChunkPlan } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { DeferredUser, SettledUser, StepReceipt } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { CallResponse } from 'temporal-http-tasks/internal/policy/converge';
import { SETTLE_MS } from 'temporal-http-tasks/internal/policy/steps/step';
import { builtInPlan } from 'temporal-http-tasks/internal/providers/built-in';
import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { SweepSteps } from 'temporal-http-tasks/internal/activities/sweep/sweep-steps';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { SUBJECT_KEY } from '../../ledger/databases';
import { START_MS } from '../../unit/policy/drive';
import type { SeenCall, SimulatedProviders } from '../../unit/policy/simulated-providers';

/**
 * What happens to an attempt when it comes to a call.
 *
 * - `killed`: its process dies before the call is sent.
 * - `killedAfter`: it dies when the call was carried out and before anybody learned of it.
 * - `frozen`: it stands still before the call, is given up, and wakes within the time in which it still may send it.
 * - `deferred`: it hands the user back, as on a cancellation or when a provider asks to wait.
 */
export type Interruption = 'killed' | 'killedAfter' | 'frozen' | 'deferred';

/** An interruption at that call of its attempt, from 0. */
export interface Interrupted {
  atCall: number;
  by: Interruption;
  /**
   * How long after the take-over the call of a frozen process is carried out: sent within five seconds, and then in
   * flight.
   */
  lateMs?: number;
}

/** How the sweep of one user came out. */
export interface SweptUser {
  settled: SettledUser;
  /** What every round wrote. */
  receipts: readonly StepReceipt[];
  endedAtMs: number;
}

const hasher = createSubjectHasher(SUBJECT_KEY);
const SERVICES = new Map([['plaid', { environment: 'sandbox', keySlots: [] }]]);
const USER = { plaidUserId: 'usr_1' };

/** As long as an attempt that was taken over may send. */
const FENCE_HOLDS_MS = 5_000;
const MOST_TRIES = 5;
const MOST_ATTEMPTS = 100;

/** A plan with everything at its default. */
export function chunkPlan(changes: Partial<ChunkPlan> = {}): ChunkPlan {
  return {
    reason: { code: 'USER_OFFBOARDING' },
    removeUser: false,
    batchMode: 'skip',
    dryRun: false,
    onFailure: 'continue',
    notFoundIsFine: false,
    ...changes,
  };
}

/** Offboards one user as chunks do, attempt after attempt, with a simulated clock and ledger. */
export class SimulatedSweep {
  readonly #receipts: StepReceipt[] = [];
  readonly #steps: SweepSteps;
  #nowMs = START_MS;
  #round = 0;
  #unsettled = false;
  /** The calls of frozen processes, and when they arrive. */
  #late: { call: UserCall; atMs: number }[] = [];

  constructor(
    private readonly plan: ChunkPlan,
    private readonly providers: SimulatedProviders,
    private readonly itemIds?: readonly string[],
  ) {
    this.#steps = new SweepSteps(builtInPlan({ ...plan, batchApps: [] }), SERVICES);
  }

  run(interruptions: readonly Interrupted[]): SweptUser {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const ended = this.#attempt(interruptions[attempt]);
      if (ended?.kind === 'settled') {
        this.#receipts.push(...ended.receipts);
        this.#pass(FENCE_HOLDS_MS + SETTLE_MS);
        return { settled: ended, receipts: this.#receipts, endedAtMs: this.#nowMs };
      }
      if (ended?.kind === 'deferred') this.#defer(ended);
      else this.#unsettled = true;
    }
    throw new Error(`The user was not settled in ${MOST_ATTEMPTS} attempts.`);
  }

  /** What the attempt flushed; undefined when it died. */
  #attempt(interrupted: Interrupted | undefined): SettledUser | DeferredUser | undefined {
    const user = {
      seq: 0,
      round: this.#round,
      user: { ...USER, ...(this.itemIds && { itemIds: this.itemIds }) },
      subjects: userSubjects(USER, { plaid: 'sandbox' }, hasher),
      unsettled: this.#unsettled,
    };
    const machine = new UserMachine(
      user,
      this.#history(),
      { sweepId: 'simulated', plan: this.plan, steps: this.#steps },
      { hasher, services: SERVICES, catalogue: new Catalogue(), providers: new ProviderSet() },
    );
    const othersMaySendUntilMs = this.#nowMs + FENCE_HOLDS_MS;
    let [calls, tries] = [0, 0];
    for (;;) {
      const move = machine.next(this.#nowMs);
      if (move.kind === 'settled') return move.user;
      if (move.kind === 'wait') {
        this.#pass(move.delayMs);
        continue;
      }
      if (move.kind !== 'call') throw new Error(`A chunk does not come to ${move.kind} here.`);
      const { call } = move;
      if (call.perhapsSent) {
        if (this.#nowMs < othersMaySendUntilMs) this.#pass(othersMaySendUntilMs - this.#nowMs);
        machine.withhold(call, this.#nowMs);
        continue;
      }
      if (interrupted?.atCall === calls) {
        if (interrupted.by === 'deferred') return machine.deferred(this.#nowMs);
        this.#die(call, interrupted);
        return undefined;
      }
      calls += 1;
      const sentAtMs = this.#nowMs;
      const response = this.#send(call);
      const times = { sentAtMs, nowMs: this.#nowMs };
      if (response.ok) machine.respond(call, response, times);
      else if (response.failure.type === 'Task.Held') machine.hold(call, this.#nowMs);
      else if (response.failure.type === 'Task.Unauthorized') return machine.deferred(this.#nowMs);
      else if (response.failure.type === 'Task.Unavailable') {
        machine.defer(call, {
          ...response.failure,
          ...(call.definition.effect === 'repeatSafe' && { perhapsDone: true as const }),
        });
        this.#pass(1_000);
        tries += 1;
        if (tries >= MOST_TRIES) return machine.deferred(this.#nowMs);
      } else machine.respond(call, response, times);
    }
  }

  #die(call: UserCall, { by, lateMs = 0 }: Interrupted): void {
    if (by === 'killedAfter') this.#send(call);
    if (by === 'frozen') this.#late.push({ call, atMs: this.#nowMs + lateMs });
  }

  #send(call: UserCall): CallResponse {
    const { kind, step, task, input } = call;
    const response = this.providers.respond({ kind, step, task, input }, this.#nowMs);
    this.#pass(this.providers.callMs);
    return response;
  }

  /** Time passes, and calls of frozen processes may arrive meanwhile. */
  #pass(delayMs: number): void {
    const untilMs = this.#nowMs + delayMs;
    const arrived = this.#late.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
    this.#late = this.#late.filter(({ atMs }) => atMs > untilMs);
    for (const { call, atMs } of arrived) {
      const { kind, step, task, input } = call;
      this.providers.respond({ kind, step, task, input }, atMs);
    }
    this.#nowMs = untilMs;
  }

  #defer({ receipts, unsettled }: DeferredUser): void {
    this.#receipts.push(...receipts);
    this.#unsettled = unsettled;
    this.#round += 1;
  }

  /** What the ledger reports of the receipts so far, see `readHistories` and `readRemovals`. */
  #history() {
    const good = this.#receipts.filter(
      ({ outcome, items }) => ['removed', 'alreadyGone', 'accepted'].includes(outcome) || items !== undefined,
    );
    const removals = this.#receipts
      .filter(({ outcome }) => outcome === 'removed')
      .map(({ step, task, requestId, items = [] }) => ({ step, task, requestId, items }));
    const history = {
      steps: [...new Set(good.map(({ step }) => step))],
      items: [...new Set(good.flatMap(({ items = [] }) => items))],
    };
    const [subject = ''] = userSubjects(USER, { plaid: 'sandbox' }, hasher);
    return { bySubject: new Map([[subject, history]]), removals };
  }
}

/** The Items of a removal. */
export function idsOf({ input }: SeenCall): string[] {
  return input.item_ids as string[];
}
