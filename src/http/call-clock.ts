/** An operation that has to end by a point in time. */
export interface Deadline {
  /** A reading of `performance.now()`. */
  atMs: number;
  expire(): void;
}

/** How late a deadline may fire, in milliseconds. */
const RESOLUTION_MS = 50;

/**
 * Watches the deadlines of all calls with one timer. A timer or an abort signal per call halves the throughput, and a
 * call's total timeout does not have to be exact.
 */
export class CallClock {
  readonly #deadlines = new Set<Deadline>();
  #timer: NodeJS.Timeout | undefined;

  add(deadline: Deadline): void {
    this.#deadlines.add(deadline);
    // Does not keep the process alive; a call in flight does that through its socket.
    this.#timer ??= setInterval(() => this.#tick(), RESOLUTION_MS).unref();
  }

  remove(deadline: Deadline): void {
    this.#deadlines.delete(deadline);
  }

  #tick(): void {
    const now = performance.now();
    for (const deadline of this.#deadlines) {
      if (deadline.atMs > now) continue;
      this.#deadlines.delete(deadline);
      deadline.expire();
    }
    if (this.#deadlines.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** The clock shared by all calls of this process. */
export const callClock = new CallClock();
