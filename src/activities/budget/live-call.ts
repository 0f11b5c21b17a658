import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { cancelOn } from '../../http/connections';
import type { PreparedRequest } from '../../http/prepared-request';
import { ledgerUnavailable, noCallLeft } from '../../http/to-failure';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { CallBudgets, Caller } from '../call-budget';

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
    this.#budgets?.answered(this.#key, { refused: false });
  }

  /** Reports what a failure says about the rate; nothing if there was no response. */
  failed(error: unknown): void {
    if (!(error instanceof ApplicationFailure)) return;
    const delayMs: unknown = error.nextRetryDelay;
    if (error.type === 'Task.RateLimited') {
      const wait = typeof delayMs === 'number' ? { retryAfterMs: delayMs } : {};
      this.#budgets?.answered(this.#key, { refused: true, caller: this.#caller, ...wait });
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
    const patience = AbortSignal.timeout(LONGEST_WAIT_MS);
    if (
      await budgets.paceDryRun(
        { sweepId, callsPerMinute: dryRunRate },
        signal ? AbortSignal.any([signal, patience]) : patience,
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
