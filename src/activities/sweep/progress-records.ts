import { MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type { SaveProgress } from '../../ledger/sweeps/progress-types';

type SavedProgress = SaveProgress['users'][number];

interface Waiting {
  user: SavedProgress;
  written: () => void;
  failed: (error: unknown) => void;
}

/**
 * Records the progress of users before their next calls are sent, many users in one statement: what arrives while one
 * statement is in progress is written by the next.
 */
export class ProgressRecords {
  readonly #write: (users: readonly SavedProgress[]) => Promise<void>;
  #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(write: (users: readonly SavedProgress[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when it is written. @throws What the ledger throws. */
  write(user: SavedProgress): Promise<void> {
    return new Promise((written, failed) => {
      this.#waiting.push({ user, written, failed });
      // Others of the same turn are written together with it.
      if (!this.#isWriting) setImmediate(() => void this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const part = this.#waiting.splice(0, MOST_USERS_IN_A_WAVE);
      try {
        await this.#write(part.map(({ user }) => user));
        for (const { written } of part) written();
      } catch (error) {
        for (const { failed } of part) failed(error);
      }
    }
    this.#isWriting = false;
  }
}
