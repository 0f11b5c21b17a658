import { libsqlStore } from './libsql/store';
import { postgresStore } from './postgres/store';
import { ALLOWED_LEDGER_URLS, LedgerSettingError } from './setting-error';
import type { StoreAddress } from './store';

/** The databases in which a ledger can be. */
const STORES = [libsqlStore, postgresStore];

/**
 * Reads the value of `HTTP_TASKS_LEDGER_URL`.
 *
 * @param plaintextAllowed Whether a Postgres on another machine may be used without TLS.
 * @throws LedgerSettingError for another scheme, no path, or a URL that cannot be read. The message never contains the
 * value, because it may contain a password.
 */
export function parseLedgerUrl(url: string, plaintextAllowed = false): StoreAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  const store = STORES.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme));
  if (store) return store.addressOf(url, plaintextAllowed);
  const given = scheme === undefined ? 'the value has no scheme' : `the scheme ${scheme}: is not supported`;
  throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${given}. ${ALLOWED_LEDGER_URLS}`);
}
