import { cancelOn } from '../../http/connections';

interface Waiter {
  settle: (admitted: boolean) => void;
  refuse: (error: Error) => void;
}

/** Callers that wait for a token, first in, first out. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves to true once admitted, or to false if the signal aborts first. */
  wait(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        offSignal?.();
      };
      const waiter: Waiter = {
        settle: (admitted) => {
          leave();
          resolve(admitted);
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
      const offSignal = signal && cancelOn(signal, { cancel: () => waiter.settle(false) });
    });
  }

  admitWhile(mayGo: () => boolean): void {
    for (const waiter of this.#waiting) {
      if (!mayGo()) return;
      waiter.settle(true);
    }
  }

  refuseAll(error: Error): void {
    for (const waiter of this.#waiting) waiter.refuse(error);
  }
}
