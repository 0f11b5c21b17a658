/** Data that the main thread passes to the database thread at its start. */
export interface LibsqlThreadData {
  path: string;
  /**
   * One Int32; a value other than 0 makes the thread stop waiting for locks. The thread is never terminated, because
   * that would end the whole process if a call into the database is in progress.
   */
  stop: SharedArrayBuffer;
}

/** One statement to run. */
export interface LibsqlRequest {
  id: number;
  sql: string;
  parameters: readonly LibsqlValue[];
  /** Maximum wait for another process's lock, in milliseconds. */
  busyMs: number;
}

/**
 * What libSQL can bind. Anything else, even a boolean, would end the whole process, so it is never sent to the thread.
 */
export type LibsqlValue = string | number | bigint | null;

/** The result of one statement. A failure contains only a code. */
export type LibsqlResponse =
  { id: number; rows: unknown[]; changes: number; failure?: never } | { id: number; failure: string };
