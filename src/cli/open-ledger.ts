import { readLedgerSettings } from '../config/ledger-settings';
import type { Ledger } from '../ledger/ledger';
import type { SubjectHasher } from '../ledger/subject';
import type { Io } from './io';

/** The ledger and the hasher that belongs to it. */
export interface OpenedLedger {
  ledger: Ledger;
  hasher: SubjectHasher;
}

/**
 * Opens the ledger that `HTTP_TASKS_LEDGER_URL` and `HTTP_TASKS_SUBJECT_KEY` name, and closes it at the end.
 *
 * @throws SettingsError, LedgerSettingError or LedgerUnavailableError.
 */
export async function withLedger<T>(io: Io, use: (opened: OpenedLedger) => Promise<T>): Promise<T> {
  const { url, subjectKey } = readLedgerSettings(io.env);
  // Only commands that use the ledger pay for loading the databases' drivers.
  const [{ openLedger }, { createSubjectHasher }] = await Promise.all([
    import('../ledger/open-ledger.js'),
    import('../ledger/subject.js'),
  ]);
  const ledger = await openLedger({ url, subjectKey });
  try {
    return await use({ ledger, hasher: createSubjectHasher(subjectKey) });
  } finally {
    await ledger.close();
  }
}
