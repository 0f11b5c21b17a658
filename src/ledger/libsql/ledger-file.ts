import { chmodSync, statSync } from 'node:fs';
import type { WideFile } from '../store';

/** File mode of a ledger: read and write for its owner only. */
const PRIVATE = 0o600;
const OTHERS = 0o077;
/** Suffixes of the files of an open database. */
const FILES = ['', '-wal', '-shm'] as const;

/** Removes other users' permissions from a ledger's existing files and returns the files that had any. */
export function tightenLedgerFiles(path: string): WideFile[] {
  return FILES.flatMap((suffix) => {
    const file = `${path}${suffix}`;
    const stat = statSync(file, { throwIfNoEntry: false });
    // Windows has no such permissions.
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
