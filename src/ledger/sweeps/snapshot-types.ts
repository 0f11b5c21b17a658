import type { RequestFacts } from '../../policy/legal-clock';
import type { DoneStep } from '../../policy/providers/step-plan';
import type { SnapshotReport } from '../../policy/snapshot-report';
import type { TargetUser } from '../../policy/target-reference';
import type { IsThing } from '../user-subjects';

/** The progress of a snapshot. */
export interface SnapshotState {
  /** To be passed with the next rows; incremented by each append. */
  version: number;
  /** Where to continue in the source; undefined at its start. */
  position?: string;
  total: number;
  duplicates: number;
  rejected: number;
  complete: boolean;
  /** What else is known about the source; absent before the first rows, for a redrive, and for one of an earlier version. */
  report?: SnapshotReport;
}

/** One valid row of a source. */
export interface TargetRow {
  user: TargetUser;
  /** The keyed hashes of the user's IDs, one for each (see `userSubjects`). */
  subjects: readonly string[];
  /** Its line in the source, or its number in a source without lines. @default none */
  line?: number;
  /** The user's own request, if the row has one; it is recorded with the row. */
  request?: RequestFacts | undefined;
}

/** A snapshot to continue. */
export interface BeginSnapshot {
  sweepId: string;
  /** The snapshot's version as last read or returned. */
  version: number;
  /** Steps that an earlier end must have completed for a user to be left out as done. @default none */
  doneSteps?: readonly DoneStep[] | undefined;
  /** Which IDs name things of a user and not the user; see `identitiesOf`. @default those of the first providers */
  isThing?: IsThing | undefined;
  /** Called for each block that was written. An error that it throws fails the writer. */
  onWritten?: ((state: SnapshotState) => void) | undefined;
}

/** The next rows of a snapshot. */
export interface SnapshotBlock {
  /** At most {@link MOST_ROWS_AT_ONCE}, in the order of the source. */
  rows: readonly TargetRow[];
  /** The environments for which these users' IDs were hashed, by service; the same for the whole sweep. */
  environments?: Readonly<Record<string, string>>;
  /** Where the source continues after these rows. Stored encrypted, because a cursor may contain an ID. */
  position: string;
  /**
   * Number of rejected rows in this part of the source.
   * @default 0
   */
  rejected?: number;
  /** What is known about the source so far; the ledger counts rows that share an ID. @default unchanged */
  report?: Omit<SnapshotReport, 'sharedIds'>;
  /**
   * Whether these are the last rows; nothing can be appended afterwards.
   * @default false
   */
  complete?: boolean;
}

/** Rows to append, by one call. */
export interface AppendTargets extends Omit<BeginSnapshot, 'onWritten'>, SnapshotBlock {}

/** Writes the blocks of a source that is read, several of which are on the way at a time. */
export interface SnapshotWriter {
  /** The users written so far, and all rows on the way. */
  readonly mostUsers: number;
  /**
   * Takes the next block, and resolves when there is room for another one.
   * @throws What `SweepLedger.appendTargets` throws, for this block or an earlier one. Nothing after it is written.
   */
  append(block: SnapshotBlock): Promise<void>;
  /** Resolves when every block is written. @throws What {@link append} throws. */
  flush(): Promise<SnapshotState>;
  /** The same; nothing may be appended afterwards. */
  end(): Promise<SnapshotState>;
}

/** Maximum number of rows appended per statement. */
export const MOST_ROWS_AT_ONCE = 10_000;
