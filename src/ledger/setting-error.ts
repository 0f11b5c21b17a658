/** What HTTP_TASKS_LEDGER_URL may be, for messages. */
export const ALLOWED_LEDGER_URLS =
  'Allowed are file:PATH (an embedded database, for example file:./ledger.db) and postgres://USER:PASSWORD@HOST:PORT/DATABASE.';

/** A setting of the ledger is wrong. The message says which, what is allowed and what to do, and contains no secret. */
export class LedgerSettingError extends Error {
  override readonly name = 'LedgerSettingError';

  /** @param setting The environment variable to change. */
  constructor(
    readonly setting: 'HTTP_TASKS_LEDGER_URL' | 'HTTP_TASKS_SUBJECT_KEY' | 'HTTP_TASKS_SEAL_KEY',
    message: string,
  ) {
    super(`${setting}: ${message}`);
  }
}
