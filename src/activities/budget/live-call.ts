import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { cancelOn } from '../../http/cancellation';
import type { PreparedRequest } from '../../http/prepared-request';
import { ledgerUnavailable, noCallLeft } from '../../http/to-failure';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { CallBudgets } from '../call-budget';

/**
 * The activity gets five minutes, in which the longest call of four minutes and three writes to the ledger must fit too.
 * An attempt that outlives its activity would make its call beside the next attempt.
 */
const LONGEST_WAIT_MS = 20_000;

/** One call of a live run, and the budget it is taken out of. A service without credentials has none. */
export class LiveCall {
  readonly #budgets: CallBudgets | undefined;
  readonly #task: HttpTask;
  readonly #key: { service: string; keySlot: string };

  constructor(budgets: CallBudgets | undefined, task: HttpTask, { keySlot = '' }: PreparedRequest) {
    this.#budgets = task.service.credentials.length > 0 ? budgets : undefined;
    this.#task = task;
    this.#key = { service: task.service.name, keySlot };
  }

  /**
   * Waits until the call may be made.
   *
   * @throws ApplicationFailure `Task.LedgerUnavailable`, or `Task.RateLimited` when it would have to wait too long; both
   * are retried, and nothing was sent.
   * @throws CancelledFailure when `signal` aborted first.
   */
  async take(signal: AbortSignal | undefined): Promise<void> {
    if (this.#budgets === undefined || this.#budgets.tryAdmit(this.#key, 'live')) return;
    if (await this.#wait(this.#budgets, signal)) return;
    if (signal?.aborted) throw new CancelledFailure(`${this.#task.name} was cancelled`);
    throw noCallLeft(this.#task);
  }

  /** The provider answered as it should. */
  accepted(): void {
    this.#budgets?.answered(this.#key, { refused: false });
  }

  /** Says what a failure tells about the rate: nothing when no answer came. */
  failed(error: unknown): void {
    if (!(error instanceof ApplicationFailure)) return;
    const delayMs: unknown = error.nextRetryDelay;
    if (error.type === 'Task.RateLimited') {
      this.#budgets?.answered(this.#key, { refused: true, ...(typeof delayMs === 'number' && { retryAfterMs: delayMs }) });
    } else if ((error.details?.[0] as Partial<TaskFailure> | undefined)?.status !== undefined) {
      this.accepted();
    }
  }

  async #wait(budgets: CallBudgets, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) return false;
    const giveUp = new AbortController();
    const cancel = (): void => giveUp.abort();
    const timer = setTimeout(cancel, LONGEST_WAIT_MS);
    const offSignal = signal && cancelOn(signal, { cancel });
    try {
      return await budgets.admit(this.#key, 'live', giveUp.signal);
    } catch (error) {
      throw error instanceof LedgerUnavailableError ? ledgerUnavailable(this.#task) : error;
    } finally {
      clearTimeout(timer);
      offSignal?.();
    }
  }
}
