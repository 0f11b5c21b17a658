import type { Kysely, RawBuilder, SqlBool, Transaction } from 'kysely';
import type { Intent, IntentResult } from './ledger';
import type { LedgerDialect, Tables } from './tables';

/*
 * What differs between the databases of a ledger. Each database has one folder here: its `Store`, its
 * connections, the SQL of its migrations (`migrations/*.sql`) and a dump of its current schema (`schema.sql`). The rest
 * of the ledger is written once, in Kysely and in SQL that all databases understand.
 */

/** An open database of a ledger. */
export interface LedgerDatabase {
  db: Kysely<Tables>;
  store: Store;
}

/** Everything that differs between databases. Has no state; the connection is always given. */
export interface Store extends SqlForms, StoredWrites {
  /** The name of its folder. Only for migrations: elsewhere nothing depends on it. */
  readonly name: LedgerDialect;
  /** The schemes of its URLs, in lower case. */
  readonly schemes: readonly string[];
  readonly failures: StoreFailures;
  /** The type of a column for a time. */
  readonly instantType: 'timestamptz' | 'text';
  /**
   * Reads a URL with one of its schemes.
   *
   * @param plaintextAllowed Whether a server on another machine may be used without TLS.
   * @throws LedgerSettingError, whose message does not contain the URL, because it may contain a password.
   */
  addressOf(url: string, plaintextAllowed: boolean): StoreAddress;
  /** Returns whether a table exists, without the permission to create one. */
  hasTable(db: Kysely<Tables>, table: string): Promise<boolean>;
  /** Waits for a lock and keeps it until the transaction ends; nothing where a transaction excludes all others. */
  lock(transaction: Transaction<Tables>, lock: StoreLock): Promise<void>;
}

/**
 * - `migration`: while the schema is brought up to date.
 * - `holds`: while a hold or a stop is set; an intent is recorded under the same one, shared.
 * - `log`: while leaves of the log are numbered.
 */
export type StoreLock = 'migration' | 'holds' | 'log';

/** The location of a ledger. */
export interface StoreAddress {
  /** May be shown: contains neither user nor password. */
  readonly label: string;
  /** Whether the database is lost with its connection. */
  readonly inMemory: boolean;
  /** False if it is certain without a connection that there is no ledger. */
  mayExist(): boolean;
  /** Removes the permissions of other users from existing files. */
  protect(onEvent: (event: StoreEvent) => void): void;
  /** Connects when the first statement runs. */
  connect(limits: ConnectionLimits, onEvent: (event: StoreEvent) => void): LedgerDatabase;
}

/** The time limits of a connection, in milliseconds. */
export interface ConnectionLimits {
  /** Maximum duration of one statement, including the wait for a connection. */
  deadlineMs: number;
  /** Maximum wait for another process's lock within that time. @default the deadline, or a little less */
  lockWaitMs?: number;
}

/** An event of a connection that an operator may want in a log. It contains no user data. */
export type StoreEvent =
  /** libSQL only: other users could read this file of the ledger; `tightened` unless another user owns it. */
  | ({ kind: 'wideFile' } & WideFile)
  /** libSQL only: the database thread ended; the next call starts a new one. */
  | { kind: 'threadLost'; reason: string };

/** A file of a ledger that other users could read or write. */
export interface WideFile {
  file: string;
  /** The permissions in octal: `0644`. */
  mode: string;
  /** Whether its permissions are now 0600; false if another user owns the file. */
  tightened: boolean;
}

/** What the errors of a database mean. A code is the SQLSTATE in Postgres, the result code's name in libSQL. */
export interface StoreFailures {
  /** Returns the code of an error of this database; undefined for any other error. */
  codeOf(error: unknown): string | undefined;
  /** Whether a later attempt, or one after a repair, can succeed. */
  isUnavailable(code: string): boolean;
  /** Whether one of the {@link StoredWrites} refused, as its migration describes. */
  isRefusal(code: string): boolean;
  /** Whether another process kept a lock for too long. */
  isLocked(code: string): boolean;
  /** Whether a table or column is missing, as in an older ledger. */
  isMissingTable(code: string): boolean;
  /** Whether the database user may not create tables. */
  mayNotCreate(code: string): boolean;
  /** Returns what to change about a wrong setting; undefined for an error with another cause. */
  adviceFor(error: unknown): string | undefined;
}

/** Expressions that each database writes differently. */
export interface SqlForms {
  /** Returns texts as rows of (value, seq from 0), passed as one parameter, so that 10,000 values are one short statement. */
  rowsOf(texts: readonly string[]): RawBuilder<{ value: string; seq: number }>;
  /** Returns integers as the right side of `in`, passed as one parameter. */
  integersOf(integers: readonly number[]): RawBuilder<number>;
  /** Returns the condition that a column equals one of many texts. Uses the index even without statistics. */
  isOneOf(column: string, texts: readonly string[]): RawBuilder<SqlBool>;
  /** Returns the time by the database's clock, in milliseconds since 1970. */
  clockMs(): RawBuilder<number>;
  /** Returns a time in ISO form as a value of a column for times, where its type cannot be inferred. */
  instant(time: string): RawBuilder<string>;
  /** Returns a number that need not be whole, where its type cannot be inferred. */
  number(value: number): RawBuilder<number>;
  /** Returns the text at a position of a JSON array that a text column contains. */
  textAt(column: string, position: number): RawBuilder<string | null>;
  /**
   * Returns columns as the text of a JSON array.
   *
   * @param instants Columns for times, which become ISO texts with all their microseconds.
   */
  jsonArrayOf(columns: readonly string[], instants: readonly string[]): RawBuilder<string>;
  /** Returns the texts of all selected rows as one, a line each, in no order; null without any. */
  joinedLines(text: RawBuilder<unknown>): RawBuilder<string | null>;
  /** Selects a column for times under its own name as ISO text, without losing microseconds. */
  exactInstant(column: string): RawBuilder<string>;
  /** Returns the number of the interval of `length` milliseconds in which a time lies; the first begins at `start`. */
  intervalOf(column: string, interval: { start: number; length: number }): RawBuilder<number>;
  /**
   * Returns what to select from: the receipts `r` for which the condition is true, for each integer `list.value`. Each is
   * reached through an index even without statistics.
   */
  receiptsOfEach(integers: readonly number[], condition: RawBuilder<SqlBool>): RawBuilder<unknown>;
}

/** Values of a stored write by their names in its migration. Lists are JSON. */
export type WriteValues = Readonly<Record<string, unknown>>;

/** A stored write that returns nothing. */
export type StoredWrite = 'sweep_close' | 'sweep_outcomes' | 'sweep_progress' | 'bulk_outcomes';

/** A wave of a sweep to open. */
export type WaveValues = WriteValues & {
  sweep: number;
  fence: number;
  wave: number;
  first: number;
  last: number;
  /** The day on which users are counted, and the most that may begin on it; absent if they are not counted. */
  day?: string;
  most_users?: number;
};

/** A wave of a bulk call to open. */
export type BulkValues = WriteValues & { sweep: number; fence: number; wave: number; app: string };

/** A user of an opened wave, as stored. */
export interface OpenedRow {
  seq: number;
  round: number;
  unsettled: number;
  ids: string;
  subjects: string;
}

/** A block of a source to append to the users of a sweep. */
export interface SweepBlock {
  sweep: number;
  /** The version of the snapshot to which it is appended; another one is refused. */
  version: number;
  /** Of `blockLists`. */
  lists: BlockLists;
  /** The encrypted IDs of its users, in the form of `idsForm`; of ASCII. They are gone when the block was appended. */
  ids: Uint8Array;
  /** The keys by which duplicates of these rows are found, without separators. */
  keys: string;
  /** The encrypted references of some users that follow each other, each as [seq of the first, references]. */
  names: readonly (readonly [number, string])[];
  position: string;
  complete: 0 | 1;
  duplicates: number;
  rejected: number;
  /** Null leaves it as it is. */
  report: string | null;
}

/** What a database is given of the users of a block besides their IDs, by column of its stored write. */
export type BlockLists = Readonly<Record<string, string>>;

/** How a database is given the IDs of a block: as one text. */
export interface IdsForm {
  begin: string;
  /** Whether the keyed hashes of each user stand before its IDs, joined by commas and followed by a space. */
  withSubjects: boolean;
  between: string;
  end: string;
  /** Of no user. */
  none: string;
}

/** A user of a block, without its IDs. */
export interface BlockRow {
  /** Keyed hashes: base64url. */
  subjects: readonly string[];
  /** The rank of the outcome of a user who is left out; null for others. */
  worst: number | null;
  someItems: 0 | 1;
  line: number | null;
}

/**
 * Writes that touch several tables and are still one short statement that commits by itself: a process frozen between the
 * statements of a transaction would keep its locks. Postgres has functions for them, libSQL views with a trigger; the
 * migrations from 0002-holds on create and describe them.
 */
export interface StoredWrites {
  /** See `Ledger.recordIntent`. All texts are storable, and there is at least one subject. */
  recordIntent(db: Kysely<Tables>, intent: Intent): Promise<IntentResult['kind']>;
  /** Runs a stored write. Rejects with a refusal (`StoreFailures.isRefusal`) if it refuses. */
  run(db: Kysely<Tables>, write: StoredWrite, values: WriteValues): Promise<void>;
  readonly idsForm: IdsForm;
  blockLists(rows: readonly BlockRow[]): BlockLists;
  /**
   * Appends a block of a source. Rejects with a refusal (`StoreFailures.isRefusal`) for another version.
   *
   * @param isLast Whether nothing of the source is left: what was appended is then safe from a power failure, and only
   * then. One takes the latest blocks as a whole, and they are read from the source again.
   */
  appendBlock(db: Kysely<Tables>, block: SweepBlock, isLast: boolean): Promise<void>;
  /** Opens users of a sweep, and returns all that the wave has opened. */
  openWave(db: Kysely<Tables>, values: WaveValues): Promise<OpenedRow[]>;
  /** The same for the users of a bulk call. */
  openBulk(db: Kysely<Tables>, values: BulkValues): Promise<Omit<OpenedRow, 'round'>[]>;
  /** Returns the fence taken for a chunk; undefined if another caller has taken the next one since. */
  takeFence(
    db: Kysely<Tables>,
    chunk: { sweep: number; chunkId: string; takenBy: string },
  ): Promise<number | undefined>;
  /** Replaces the encrypted IDs of existing users, each as [seq, ids]. */
  replaceIds(db: Kysely<Tables>, sweep: number, rows: readonly (readonly [number, string])[]): Promise<void>;
  /** Overwrites what the database still stores of deleted and replaced rows, as far as the database allows. */
  eraseOldVersions(db: Kysely<Tables>): Promise<void>;
}
