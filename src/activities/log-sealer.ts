import { ExportError, exportCheckpoint } from '../ledger/log/export-checkpoint';
import type { OpenedLedger } from '../ledger/open-ledger';
import { purgeEvidence } from '../ledger/purge-evidence';
import { LedgerStatementError } from '../ledger/sql-calls';

/** Interval at which the queue of the log is checked, in milliseconds. */
const LOOK_MS = 5_000;

/** How often receipts that have been kept long enough are looked for, in milliseconds. */
const PURGE_MS = 3_600_000;

/** A problem that the next turn may not have. */
export interface SealerProblem {
  kind: 'notExported' | 'notPurged';
  message: string;
}

/**
 * Adds what was sealed to the log of the ledger while a worker runs, exports its checkpoints, and deletes receipts that
 * have been kept long enough. If the ledger or the target is unavailable, the next turn tries again; no run waits for it.
 */
export class LogSealer {
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #exported: string | undefined;
  #failing = false;
  #purgeAt = 0;
  #stopping = false;

  constructor(
    private readonly ledger: () => Pick<OpenedLedger, 'log' | 'sweeps'>,
    private readonly options: {
      /** `HTTP_TASKS_SEAL_EXPORT`. */
      target: string | undefined;
      /** `HTTP_TASKS_RECEIPTS_DAYS`. */
      receiptsDays?: number | undefined;
    },
    private readonly onProblem: (problem: SealerProblem) => void,
  ) {}

  start(): void {
    this.#timer ??= setInterval(() => void this.turn(), LOOK_MS);
    this.#timer.unref();
  }

  /** Resolves after a last turn, so that what ended before is in a checkpoint. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stopping = true;
    await this.#turn;
    await this.turn();
  }

  /** Does what is due. While a turn is in progress, resolves with it. */
  turn(): Promise<void> {
    this.#turn ??= this.#trySeal().finally(() => {
      this.#turn = undefined;
    });
    return this.#turn;
  }

  async #trySeal(): Promise<void> {
    const { target } = this.options;
    try {
      const { checkpoint } = await this.ledger().log.seal();
      if (target !== undefined && checkpoint.note !== this.#exported) {
        await exportCheckpoint(target, checkpoint);
        this.#exported = checkpoint.note;
      }
      this.#failing = false;
    } catch (error) {
      // Reported once, until it works again.
      if (!this.#failing && error instanceof ExportError)
        this.onProblem({ kind: 'notExported', message: error.message });
      this.#failing ||= error instanceof ExportError;
    }
    await this.#tryPurge();
  }

  async #tryPurge(): Promise<void> {
    const { receiptsDays: days } = this.options;
    if (days === undefined || this.#stopping || Date.now() < this.#purgeAt) return;
    this.#purgeAt = Date.now() + PURGE_MS;
    try {
      const { changed } = await purgeEvidence(this.ledger(), {
        days,
        onProgress: () => {
          if (this.#stopping) throw new StoppedError();
        },
      });
      if (changed.length > 0)
        this.onProblem({
          kind: 'notPurged',
          message: `${changed.length} sweeps have other receipts than were sealed, so these were not deleted.`,
        });
    } catch (error) {
      // It needs a user who may delete receipts.
      if (error instanceof LedgerStatementError)
        this.onProblem({
          kind: 'notPurged',
          message: `Receipts cannot be deleted (${error.code}). Run "http-tasks ledger purge" as the owner of the tables.`,
        });
    }
  }
}

/** The worker stops; the next one continues. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}
