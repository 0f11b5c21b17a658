import { LedgerUnavailableError } from './ledger';

interface Waiter {
  resolve: () => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** A first-in, first-out mutex. A caller that waits past its deadline is rejected and leaves the queue. */
export class DeadlineMutex {
  readonly #waiting: Waiter[] = [];
  #locked = false;
  #closed = false;

  lock(deadlineMs: number): Promise<void> {
    if (this.#closed) return Promise.reject(new LedgerUnavailableError('The ledger is closed.'));
    if (!this.#locked) {
      this.#locked = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new LedgerUnavailableError(`The ledger was busy for ${deadlineMs} ms.`));
      }, deadlineMs);
      const waiter: Waiter = { resolve, reject, timer };
      this.#waiting.push(waiter);
    });
  }

  unlock(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#locked = false;
      return;
    }
    clearTimeout(next.timer);
    next.resolve();
  }

  /** Rejects all waiting callers and all later ones. */
  close(): void {
    this.#closed = true;
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(new LedgerUnavailableError('The ledger is closed.'));
    }
  }
}
