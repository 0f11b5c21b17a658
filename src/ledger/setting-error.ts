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
