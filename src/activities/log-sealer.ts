import { ExportError, exportCheckpoint } from '../ledger/log/export-checkpoint';
import type { LogLedger } from '../ledger/log/log-ledger';

/** How often the queue of the log is looked at, in milliseconds. */
const LOOK_MS = 5_000;

/**
 * Adds what was sealed to the log of the ledger while a worker runs, and exports its checkpoints. If the ledger or the
 * target is unavailable, the next turn tries again; no run waits for it.
 */
export class LogSealer {
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #exported: string | undefined;
  #failing = false;

  constructor(
    private readonly log: () => LogLedger,
    /** `HTTP_TASKS_SEAL_EXPORT`. */
    private readonly target: string | undefined,
    private readonly onFailure: (message: string) => void,
  ) {}

  start(): void {
    this.#timer ??= setInterval(() => void this.#seal(), LOOK_MS);
    this.#timer.unref();
  }

  /** Resolves after a last turn, so that what ended before is in a checkpoint. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#turn;
    await this.#seal();
  }

  #seal(): Promise<void> {
    this.#turn ??= this.#trySeal().finally(() => {
      this.#turn = undefined;
    });
    return this.#turn;
  }

  async #trySeal(): Promise<void> {
    try {
      const { checkpoint } = await this.log().seal();
      if (this.target !== undefined && checkpoint.note !== this.#exported) {
        await exportCheckpoint(this.target, checkpoint);
        this.#exported = checkpoint.note;
      }
      this.#failing = false;
    } catch (error) {
      // Reported once, until it works again.
      if (!this.#failing && error instanceof ExportError) this.onFailure(error.message);
      this.#failing ||= error instanceof ExportError;
    }
  }
}
