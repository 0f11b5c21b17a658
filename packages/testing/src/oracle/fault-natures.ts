/**
 * The nature of a fault, seen from the provider: whether the call was executed, and what the caller can know about it.
 *
 * - `good`: a slow or unusual response, but a valid one.
 * - `later`: nothing was done, and the response asks to retry later. `muchLater`: after a longer delay than any run
 *   waits.
 * - `lostDone`, `lostUndone`: no response, or one that does not say whether the call was executed.
 * - `unreadableDone`, `unreadableUndone`: a response that is not as documented.
 * - `refused`: nothing was done, and a retry would fail as well. `keysRefused`: because of the keys.
 * - `stale`: a list that still contains removed Items.
 * - `goneBefore`: the data had been deleted by others. `foreign`: the call concerns another user's Item.
 */
export type Nature =
  | 'good'
  | 'later'
  | 'muchLater'
  | 'lostDone'
  | 'lostUndone'
  | 'unreadableDone'
  | 'unreadableUndone'
  | 'refused'
  | 'keysRefused'
  | 'stale'
  | 'goneBefore'
  | 'foreign';

/** The nature of each fault, by its name in the matrix. */
export const NATURES = {
  'connection refused': 'later',
  'reset before it is read': 'lostUndone',
  'reset after it was done': 'lostDone',
  'reset in mid-body': 'lostDone',
  'reset in mid-body (not done)': 'lostUndone',
  'no first byte': 'lostDone',
  'no first byte (not done)': 'lostUndone',
  'silent in mid-body': 'lostDone',
  'silent in mid-body (not done)': 'lostUndone',
  'dripping past the total time': 'lostDone',
  'dripping but in time': 'good',
  '429 without a delay': 'later',
  '429 after 0 s': 'later',
  '429 after 2 s': 'later',
  '429 after a date': 'later',
  '429 after a past date': 'later',
  '429 after gibberish': 'later',
  '429 after -1': 'later',
  '429 after ten thousand years': 'muchLater',
  '500 and nothing done': 'lostUndone',
  '500 after it was done': 'lostDone',
  '502 and nothing done': 'lostUndone',
  '502 after it was done': 'lostDone',
  '503 of unknown origin': 'lostUndone',
  maintenance: 'later',
  'maintenance for 1 s': 'later',
  'JSON as HTML': 'unreadableDone',
  'malformed JSON': 'unreadableDone',
  'truncated JSON': 'unreadableDone',
  'wrong shape': 'unreadableDone',
  'wrong shape (not done)': 'unreadableUndone',
  'five megabytes': 'unreadableDone',
  redirect: 'unreadableUndone',
  'redirect after it was done': 'unreadableDone',
  'wrong keys': 'keysRefused',
  'unknown error code': 'refused',
  'unknown error code 418': 'refused',
  'list that lags': 'stale',
  'already gone': 'goneBefore',
  "somebody else's Item": 'foreign',
} as const satisfies Record<string, Nature>;

export type FaultName = keyof typeof NATURES;

export const FAULTS = Object.keys(NATURES) as readonly FaultName[];

/** Returns the nature of a fault. @throws RangeError for an unknown name. */
export function natureOf(fault: string): Nature {
  if (!Object.hasOwn(NATURES, fault)) throw new RangeError(`Unknown fault "${fault}".`);
  return NATURES[fault as FaultName];
}
