import { existsSync } from 'node:fs';
import { DEFAULT_LEDGER_URL, readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { OpenedLedger as WholeLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { Io } from '../program/io';

/** The ledger and the hasher that belongs to it. */
export interface OpenedLedger {
  ledger: WholeLedger;
  hasher: SubjectHasher;
}

/** A ledger and what opening it changed. */
interface JustOpened extends OpenedLedger {
  /** The migrations that ran, oldest first. */
  migrations: readonly string[];
}

/**
 * Opens the worker's ledger, for commands that make no sense with another one: a hold in a ledger that no worker
 * reads has no effect.
 *
 * @throws SettingsError also when no ledger is configured and none exists here.
 */
export async function withWorkersLedger<T>(io: Io, use: (opened: JustOpened) => Promise<T>): Promise<T> {
  const { url } = readLedgerSettings(io.env);
  if (url === DEFAULT_LEDGER_URL && !existsSync(url.slice('file:'.length))) {
    throw new SettingsError([
      {
        setting: 'HTTP_TASKS_LEDGER_URL',
        message: `is not set, and there is no ${url.slice('file:'.length)} here; set it to the ledger that the worker uses.`,
      },
    ]);
  }
  return withLedger(io, use);
}

/**
 * Opens the ledger that `HTTP_TASKS_LEDGER_URL` and `HTTP_TASKS_SUBJECT_KEY` name, and closes it at the end.
 *
 * @throws SettingsError, LedgerSettingError or LedgerUnavailableError.
 */
export async function withLedger<T>(io: Io, use: (opened: JustOpened) => Promise<T>): Promise<T> {
  const { url, subjectKey, plaintextAllowed, sealKey } = readLedgerSettings(io.env);
  // Only commands that use the ledger load the databases' drivers.
  const [{ openLedger }, { createSubjectHasher }] = await Promise.all([
    import('temporal-http-tasks/internal/ledger/open-ledger'),
    import('temporal-http-tasks/internal/ledger/subject'),
  ]);
  let migrations: readonly string[] = [];
  const ledger = await openLedger({
    url,
    subjectKey,
    plaintextAllowed,
    sealKey,
    onEvent: (event) => {
      if (event.kind === 'migrated') migrations = event.migrations;
    },
  });
  try {
    return await use({ ledger, hasher: createSubjectHasher(subjectKey), migrations });
  } finally {
    await ledger.close();
  }
}
