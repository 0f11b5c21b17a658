import { setTimeout as delay } from 'node:timers/promises';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { SnapshotMovedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { GoodRow } from 'temporal-http-tasks/internal/sources/source';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { AppendTargets, SnapshotState, TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { IsThing } from 'temporal-http-tasks/internal/ledger/user-subjects';
import type { DoneStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import type { CheckOptions, CheckedRows } from 'temporal-http-tasks/internal/sources/check-rows';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { CommandFailure, Refusal } from '../program/errors';
import { count } from './reading-report';

/** Number of rows in one statement, which locks the embedded ledger for tens of milliseconds. */
const BLOCK_ROWS = 2_000;

/** Number of attempts, and the time between them, when the ledger is unavailable. */
const TRIES = 5;
const PAUSE_MS = 2_000;

/** The ID belongs to something that this command must not change. */
export class TakenIdError extends CommandFailure {
  constructor(sweepId: string, how: string) {
    super('Conflict', `A sweep ${sweepId} ${how}, so nothing was started. Choose another --id.`);
  }
}

/** How a file is read into the ledger. */
export interface ReadingOptions {
  sweeps: SweepLedger;
  sweepId: string;
  maxUsers: number;
  isThing: IsThing;
  /** The environments for which IDs are hashed, by provider. */
  environments: Readonly<Record<string, string>>;
  /** Steps that an earlier end must have done before a user is left out as done. */
  doneSteps: readonly DoneStep[];
  signal: AbortSignal;
  toRow: (row: GoodRow) => TargetRow;
  onProgress: (state: SnapshotState) => void;
}

/** Reads the rows of a source into the ledger, block by block. */
export class FileReading {
  readonly #options: ReadingOptions;
  /** Number of bad rows that were reported to the ledger. */
  #reportedBad = 0;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** @param check Checks the rows after those that were read before. */
  async read(begun: SnapshotState, check: (after: CheckOptions['after']) => CheckedRows): Promise<SnapshotState> {
    const { complete, total, duplicates } = begun;
    // Bad rows after the last good one are read again; those of a complete snapshot are known and are not counted
    // again.
    const bad = complete ? 0 : begun.rejected;
    this.#reportedBad = bad;
    const after =
      begun.position === undefined
        ? undefined
        : { position: begun.position, counts: { good: total + duplicates, bad }, report: begun.report };
    const checked = check(after);
    let state = begun;
    let block: TargetRow[] = [];
    let position = begun.position ?? '';
    for await (const row of checked.rows()) {
      if (complete) throw new SourceError('file', 'has more rows than when it was read for this sweep.');
      block.push(this.#options.toRow(row));
      position = row.position;
      if (block.length < BLOCK_ROWS) continue;
      state = await this.#write(state, {
        rows: block,
        position,
        rejected: this.#newlyBad(checked),
        report: checked.report,
      });
      block = [];
    }
    if (complete) return this.#withinLimit(begun);
    return this.#write(state, {
      rows: block,
      position,
      rejected: this.#newlyBad(checked),
      report: checked.report,
      complete: true,
    });
  }

  #newlyBad({ counts }: CheckedRows): number {
    const fresh = counts.bad - this.#reportedBad;
    this.#reportedBad = counts.bad;
    return fresh;
  }

  async #write({ version }: SnapshotState, block: Omit<AppendTargets, 'sweepId' | 'version'>): Promise<SnapshotState> {
    const { sweeps, sweepId, environments, isThing, doneSteps, signal, onProgress } = this.#options;
    signal.throwIfAborted();
    const state = this.#withinLimit(
      await appendPatiently(sweeps, { ...block, sweepId, environments, isThing, doneSteps, version }, signal),
    );
    onProgress(state);
    return state;
  }

  #withinLimit(state: SnapshotState): SnapshotState {
    const { maxUsers } = this.#options;
    if (state.total <= maxUsers) return state;
    const message = `maxUsers: the file has more than ${count(maxUsers)} users. Check that it is the right one; --max-users allows more.`;
    throw new Refusal('Task.InvalidInput', message, 'maxUsers');
  }
}

/** Appends a block, with retries while the ledger is unavailable. */
async function appendPatiently(sweeps: SweepLedger, block: AppendTargets, signal: AbortSignal): Promise<SnapshotState> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await sweeps.appendTargets(block);
    } catch (error) {
      if (error instanceof SnapshotMovedError) return await afterMove(sweeps, block, tries);
      if (!(error instanceof LedgerUnavailableError) || tries === TRIES) throw error;
      await delay(PAUSE_MS, undefined, { signal });
    }
  }
}

/**
 * Returns the state after a conflict: the previous write succeeded although its response was lost, or another process
 * writes this sweep.
 */
async function afterMove(sweeps: SweepLedger, block: AppendTargets, tries: number): Promise<SnapshotState> {
  const state = await sweeps.readSnapshot(block.sweepId);
  if (tries > 1 && state.version === block.version + 1 && state.position === block.position) return state;
  throw new TakenIdError(block.sweepId, 'is being read by another process');
}
