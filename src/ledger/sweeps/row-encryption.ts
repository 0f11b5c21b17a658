import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { encryptRows } from './row-cipher';
import type { Rows, SentRows } from './row-cipher';

/** Fewer rows are encrypted faster than a thread is started. */
const LEAST_ROWS = 1_000;

/** Time after which an idle thread is ended, in milliseconds. */
const IDLE_MS = 10_000;

interface Pending {
  rows: Rows;
  resolve: (texts: string[]) => void;
}

/**
 * Encrypts the IDs of many users in a thread of this process, so that the next rows of a source are read meanwhile. The
 * thread is started for the first large block and ended when none has come for {@link IDLE_MS}. If it fails, this thread
 * does its work.
 */
export class RowEncryption {
  #thread: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  readonly #pending: Pending[] = [];

  async encrypt(rows: Rows): Promise<string[]> {
    if (rows.texts.length < LEAST_ROWS || availableParallelism() < 2) return encryptRows(rows);
    clearTimeout(this.#idle);
    const thread = (this.#thread ??= this.#start());
    return new Promise((resolve) => {
      this.#pending.push({ rows, resolve });
      thread.ref();
      const { texts, ...others } = rows;
      thread.postMessage({ ...others, lines: texts.join('\n') } satisfies SentRows);
    });
  }

  #start(): Worker {
    const thread = new Worker(path.join(__dirname, 'row-cipher.js'), { workerData: 'row-cipher' });
    thread.on('message', (lines: string) => {
      this.#pending.shift()?.resolve(lines.split('\n'));
      if (this.#pending.length > 0) return;
      thread.unref();
      this.#idle = setTimeout(() => void thread.terminate(), IDLE_MS).unref();
    });
    // It is followed by `exit`.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
      for (const { rows, resolve } of this.#pending.splice(0)) resolve(encryptRows(rows));
    });
    return thread;
  }
}
