import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { cancelOn } from '../../http/connections';
import type { PreparedRequest } from '../../http/exchange';
import { ledgerUnavailable, noCallLeft } from '../../http/to-failure';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { SWEEP_RATE_COUNTS_MS } from '../../ledger/sweeps/rate-ledger';
import type { RateKey, RateLedger } from '../../ledger/sweeps/rate-ledger';
import { lease, startRate } from '../../policy/rate';
import type { Caller, RateState } from '../../policy/rate';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { ServiceDefinition } from '../../tasks/service';
import { KeyBudget } from './key-budget';
import type { RateResponse } from './key-counts';

/**
 * The calls that this process may make, leased from the ledger with one budget per service and key slot that all
 * processes share. Live runs go first.
 */
export interface CallBudgets {
  /** Uses one leased call; returns false if there is none and `admit` has to wait for it. */
  tryAdmit(key: RateKey, caller: Caller): boolean;
  /**
   * Waits until one call may be started. The call counts as used even if it is not made.
   * @returns false if `signal` aborted first.
   * @throws LedgerUnavailableError if the ledger cannot be reached; nothing was used.
   */
  admit(key: RateKey, caller: Caller, signal?: AbortSignal): Promise<boolean>;
  /** Reports the response to a call; sent to the ledger with the next lease, or immediately for a refusal. */
  responded(key: RateKey, response: RateResponse): void;
  /**
   * Reports that a sweep makes calls, so that its own rates take effect; usually at most one statement per ten seconds.
   * @throws LedgerUnavailableError
   */
  keepRatesOf(sweepId: string): Promise<void>;
  /**
   * Waits until a dry run with its own rate may make one more call, in addition to what `admit` waits for; returns
   * false if `signal` aborted first.
   */
  paceDryRun(rate: DryRunRate, signal?: AbortSignal): Promise<boolean>;
  /** Sends outstanding reports to the ledger. */
  close(): Promise<void>;
}

/** Interval in milliseconds; short enough that two consecutive statements may fail. */
const KEEP_EVERY_MS = SWEEP_RATE_COUNTS_MS / 3;

/** Keeps the rates of sweeps in effect while this process makes calls for them. */
class KeptRates {
  readonly #rates: Pick<RateLedger, 'keepSweepRates'>;
  readonly #now: () => number;
  /** By sweep: when its rates were last kept, and the statement in progress that keeps them. */
  readonly #kept = new Map<string, { atMs: number; keeping?: Promise<void> }>();

  constructor(rates: Pick<RateLedger, 'keepSweepRates'>, now: () => number) {
    this.#rates = rates;
    this.#now = now;
  }

  async keep(sweepId: string): Promise<void> {
    const kept = this.#kept.get(sweepId);
    if (kept?.keeping) return kept.keeping;
    const nowMs = this.#now();
    if (kept && nowMs < kept.atMs + KEEP_EVERY_MS) return;
    const keeping = this.#keep(sweepId, nowMs);
    this.#kept.set(sweepId, { atMs: kept?.atMs ?? Number.NEGATIVE_INFINITY, keeping });
    return keeping;
  }

  async #keep(sweepId: string, nowMs: number): Promise<void> {
    try {
      await this.#rates.keepSweepRates(sweepId);
      for (const [other, { atMs, keeping }] of this.#kept)
        if (!keeping && nowMs > atMs + SWEEP_RATE_COUNTS_MS) this.#kept.delete(other);
      this.#kept.set(sweepId, { atMs: nowMs });
    } catch (error) {
      this.#kept.delete(sweepId);
      throw error;
    }
  }
}

/** What call budgets need. */
interface CallBudgetsOptions {
  rates: RateLedger;
  /** Calls per minute that the provider documents for all calls with one key. */
  documentedLimit: (key: RateKey) => number | undefined;
  /**
   * A monotonic clock in milliseconds.
   * @default performance.now
   */
  now?: () => number;
}

/** Creates the budgets of this process. The ledger is queried only if there is a call to make. */
export function createCallBudgets({
  rates,
  documentedLimit,
  now = () => performance.now(),
}: CallBudgetsOptions): CallBudgets {
  // There are few keys, and comparing them is faster than building a lookup key for every call.
  const budgets: KeyBudget[] = [];
  const kept = new KeptRates(rates, now);
  const paces = new DryRunPaces(now);
  const budgetOf = ({ service, keySlot }: RateKey): KeyBudget => {
    for (const budget of budgets) if (budget.key.service === service && budget.key.keySlot === keySlot) return budget;
    const key = { service, keySlot };
    const added = new KeyBudget({ key, rates, documentedLimit: () => documentedLimit(key), now });
    budgets.push(added);
    return added;
  };
  return {
    tryAdmit: (key, caller) => budgetOf(key).tryAdmit(caller),
    admit: (key, caller, signal) => budgetOf(key).admit(caller, signal),
    responded: (key, response) => budgetOf(key).responded(response),
    keepRatesOf: (sweepId) => kept.keep(sweepId),
    paceDryRun: (rate, signal) => paces.take(rate, signal),
    close: async () => {
      // A closed budget is useless to a worker that runs later in this process.
      await Promise.all(budgets.splice(0).map((budget) => budget.close()));
    },
  };
}

/**
 * Returns the calls per minute that a service documents for all calls with one key; undefined if it documents none. A
 * limit of one operation must not slow down the others, so it is learned like any other.
 */
export function documentedLimits(services: Iterable<ServiceDefinition>): (key: RateKey) => number | undefined {
  const limits = new Map<string, number>();
  for (const { name, rateLimits } of services) {
    const general = rateLimits
      .filter(({ operation }) => operation === undefined)
      .map(({ requestsPerMinute }) => requestsPerMinute);
    if (general.length > 0) limits.set(name, Math.min(...general));
  }
  return ({ service }) => limits.get(service);
}

/** Maximum number of dry runs to remember. */
const MOST_DRY_RUNS = 1_000;

/** A dry run and its rate in calls per minute. */
interface DryRunRate {
  sweepId: string;
  callsPerMinute: number;
}

/**
 * Limits dry runs to their own rates, in this process only. The ledger does not store these rates, so they limit
 * nothing else.
 */
class DryRunPaces {
  readonly #now: () => number;
  readonly #states = new Map<string, RateState>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits until the dry run may make one more call; returns false if `signal` aborted first. */
  async take({ sweepId, callsPerMinute }: DryRunRate, signal?: AbortSignal): Promise<boolean> {
    while (!signal?.aborted) {
      const nowMs = this.#now();
      const leased = lease(this.#states.get(sweepId) ?? startRate({ all: callsPerMinute }, nowMs), {
        want: 1,
        caller: 'live',
        nowMs,
      });
      const [oldest] = this.#states.keys();
      if (oldest !== undefined && this.#states.size >= MOST_DRY_RUNS && !this.#states.has(sweepId))
        this.#states.delete(oldest);
      this.#states.set(sweepId, leased.state);
      if (leased.tokens > 0) return true;
      await delay(Math.max(1, leased.retryInMs), undefined, signal && { signal }).catch(() => undefined);
    }
    return false;
  }
}

/**
 * Maximum wait for a token, in milliseconds. An activity has five minutes, which must also suffice for the longest call
 * (four minutes) and three writes to the ledger. An attempt that outlives its activity would make its call at the same
 * time as the next attempt.
 */
const LONGEST_WAIT_MS = 20_000;

/** The sweep for whose user a separate run makes calls. */
export interface CallingSweep {
  sweepId: string;
  dryRunRate?: number;
}

/**
 * One call of a separate run, and the budget that it uses. A service without credentials has no budget. A run for a
 * user of a sweep is limited to the sweep's rate and gives way to live runs, like a chunk.
 */
export class LiveCall {
  readonly #budgets: CallBudgets | undefined;
  readonly #task: HttpTask;
  readonly #key: { service: string; keySlot: string };
  readonly #sweep: CallingSweep | undefined;

  constructor(
    budgets: CallBudgets | undefined,
    task: HttpTask,
    { keySlot = '' }: PreparedRequest,
    sweep?: CallingSweep,
  ) {
    this.#budgets = task.service.credentials.length > 0 ? budgets : undefined;
    this.#task = task;
    this.#key = { service: task.service.name, keySlot };
    this.#sweep = sweep;
  }

  /**
   * Waits until the call may be made.
   *
   * @throws ApplicationFailure `Task.LedgerUnavailable`, or `Task.RateLimited` if it would have to wait too long; both
   * are retryable, and nothing was sent.
   * @throws CancelledFailure if `signal` aborted first.
   */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (this.#budgets === undefined) return;
    if (this.#sweep) await this.#asSweep(this.#budgets, this.#sweep, signal);
    if (this.#budgets.tryAdmit(this.#key, this.#caller)) return;
    if (await this.#wait(this.#budgets, signal)) return;
    if (signal?.aborted) throw new CancelledFailure(`${this.#task.name} was cancelled`);
    throw noCallLeft(this.#task);
  }

  /** Reports that the provider accepted the call. */
  accepted(): void {
    this.#budgets?.responded(this.#key, { refused: false });
  }

  /** Reports what a failure says about the rate; nothing if there was no response. */
  failed(error: unknown): void {
    if (!(error instanceof ApplicationFailure)) return;
    const delayMs: unknown = error.nextRetryDelay;
    if (error.type === 'Task.RateLimited') {
      const wait = typeof delayMs === 'number' ? { retryAfterMs: delayMs } : {};
      this.#budgets?.responded(this.#key, { refused: true, caller: this.#caller, ...wait });
    } else if ((error.details?.[0] as Partial<TaskFailure> | undefined)?.status !== undefined) {
      this.accepted();
    }
  }

  get #caller(): Caller {
    return this.#sweep === undefined ? 'live' : 'sweep';
  }

  /** Puts the sweep's own rate into effect; this process enforces that of a dry run. */
  async #asSweep(
    budgets: CallBudgets,
    { sweepId, dryRunRate }: CallingSweep,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await budgets.keepRatesOf(sweepId);
    } catch (error) {
      throw error instanceof LedgerUnavailableError ? ledgerUnavailable(this.#task) : error;
    }
    if (dryRunRate === undefined) return;
    const longestWait = AbortSignal.timeout(LONGEST_WAIT_MS);
    if (
      await budgets.paceDryRun(
        { sweepId, callsPerMinute: dryRunRate },
        signal ? AbortSignal.any([signal, longestWait]) : longestWait,
      )
    )
      return;
    if (signal?.aborted) throw new CancelledFailure(`${this.#task.name} was cancelled`);
    throw noCallLeft(this.#task);
  }

  async #wait(budgets: CallBudgets, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) return false;
    const giveUp = new AbortController();
    const cancel = (): void => giveUp.abort();
    const timer = setTimeout(cancel, LONGEST_WAIT_MS);
    const offSignal = signal && cancelOn(signal, { cancel });
    try {
      return await budgets.admit(this.#key, this.#caller, giveUp.signal);
    } catch (error) {
      throw error instanceof LedgerUnavailableError ? ledgerUnavailable(this.#task) : error;
    } finally {
      clearTimeout(timer);
      offSignal?.();
    }
  }
}
