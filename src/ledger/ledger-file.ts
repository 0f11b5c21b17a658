import { chmodSync, statSync } from 'node:fs';

/** Only the owner of a ledger may read and write it. */
const PRIVATE = 0o600;
const OTHERS = 0o077;
/** A database has these files beside it while it is open. */
const FILES = ['', '-wal', '-shm'] as const;

/** A file of a ledger that others could read or write. */
export interface WideFile {
  file: string;
  /** As `ls` counts them: `0644`. */
  mode: string;
  /** Whether its permissions are now 0600; not so where another user owns it. */
  tightened: boolean;
}

/** Takes the rights of other users from the files of a ledger that exist, and returns those that had any. */
export function tightenLedgerFiles(path: string): WideFile[] {
  return FILES.flatMap((suffix) => {
    const file = `${path}${suffix}`;
    const stat = statSync(file, { throwIfNoEntry: false });
    // Windows has no such rights.
    if (!stat?.isFile() || process.getuid === undefined || (stat.mode & OTHERS) === 0) return [];
    return [{ file, mode: `0${(stat.mode & 0o777).toString(8)}`, tightened: tighten(file) }];
  });
}

function tighten(file: string): boolean {
  try {
    chmodSync(file, PRIVATE);
    return true;
  } catch {
    return false;
  }
}
