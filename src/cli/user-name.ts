import { userInfo } from 'node:os';

/** The name of the person at this machine, as the ledger and Temporal keep it: a claim. */
export function userName(): string {
  try {
    return userInfo().username || 'unknown';
  } catch {
    // A container may run under a number that has no name.
    return 'unknown';
  }
}
