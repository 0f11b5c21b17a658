/** What the main thread hands to the thread that owns the database. */
export interface LibsqlThreadData {
  path: string;
  /**
   * One Int32; anything but 0 tells the thread to wait for no lock any more. The thread is never terminated: in the
   * middle of a call into the database that ends the whole process.
   */
  stop: SharedArrayBuffer;
}

/** One statement to run. */
export interface LibsqlRequest {
  id: number;
  sql: string;
  parameters: readonly LibsqlValue[];
  /** How long the database may wait for another process's lock, in milliseconds. */
  busyMs: number;
}

/** What libSQL can bind. Anything else (a boolean!) would end the whole process, so it never reaches the thread. */
export type LibsqlValue = string | number | bigint | null;

/** What became of one statement; a failure is a code and nothing else. */
export type LibsqlAnswer =
  { id: number; rows: unknown[]; changes: number; failure?: never } | { id: number; failure: string };
