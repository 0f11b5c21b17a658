/** Something that has to be over by a time. */
export interface Deadline {
  /** On the clock of `performance.now()`. */
  atMs: number;
  expire(): void;
}

/** How late a deadline may fire. */
const RESOLUTION_MS = 50;

/**
 * Watches the deadlines of all calls with one timer. A timer or an abort signal for each call costs half the
 * throughput; a call's total time-out does not need to be exact.
 */
export class CallClock {
  readonly #deadlines = new Set<Deadline>();
  #timer: NodeJS.Timeout | undefined;

  add(deadline: Deadline): void {
    this.#deadlines.add(deadline);
    // The timer keeps no process alive: a call in flight does that by its socket.
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

/** The one clock of this process. */
export const callClock = new CallClock();
